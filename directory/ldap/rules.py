"""How a person is found and their password tried.

Owns: the order of a login's steps, and what may be tried again. Must not know: sockets, TLS, ldap3.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ldap3.core.results import (
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
)

from directory.contract import Admit, DirectoryUnavailable, InvalidCredentials, Person, Refusal
from directory.ldap import ppolicy
from directory.ldap.config import LdapConfig
from directory.ldap.conversation import Conversation, Lines
from directory.ldap.deadline import Deadline
from directory.ldap.entry import Answer, Entry
from directory.ldap.groups import Ask, GroupRules
from directory.ldap.link import Link
from directory.ldap.person import attributes_to_read, filter_by_id, filter_by_names, person_from
from directory.ldap.ppolicy import PolicyError, PolicyResponse
from directory.ldap.results import judge_person_bind, judge_search
from directory.ldap.servers import ServerStatus
from directory.ldap.standing import FoundAccount
from directory.ldap.state import refuse_by_account, refuse_by_lock, refuse_by_password
from directory.ldap.typed import USERNAME, for_dn, names_to_ask, password_to_send

# One more than may be found, so that two are told from one.
_SIZE_LIMIT = 2
_NO_ATTRIBUTES = "1.1"  # RFC 4511, section 4.5.1.8
_SEEN_OR_HIDDEN = frozenset(
    {RESULT_SUCCESS, RESULT_NO_SUCH_OBJECT, RESULT_INSUFFICIENT_ACCESS_RIGHTS, RESULT_INVALID_DN_SYNTAX}
)


class LdapDirectory:
    """The directory contract over LDAP. Nothing about a person is kept: each login searches and binds."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        user_base: str,
        lines: Lines,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._profile = config.effective_profile()
        self._groups = GroupRules(self._profile, config.group_base, config.group_filter)
        self._user_base = user_base
        self._lines = lines
        self._clock = clock
        self._monotonic = monotonic

    def authenticate(
        self,
        net_id: str,
        password: str,
        *,
        groups: bool = False,
        admit: Admit | None = None,
    ) -> Person:
        """Find exactly one entry for `net_id` and bind as it with `password` (RFC 4513, section 5.1.3).

        Args:
            net_id: the login name as typed.
            password: as typed; empty, with a NUL or over 1,024 bytes of UTF-8 it is refused without a bind.
            groups: whether the person's groups are wanted.
            admit: is shown the account before its password is tried, and may raise.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said about the password.
        """
        secret = password_to_send(password)
        names = names_to_ask(net_id, self._config.realms)
        talk = self._conversation()
        if self._config.user_dn_template is not None:
            dn = self._config.user_dn_template.replace(USERNAME, for_dn(names[0]))
            wanted = None if self._config.user_filter is None else filter_by_names(self._profile, names)
            return self._authenticate_as(dn, secret, talk, wanted, groups=groups)
        entry = self._only_entry(filter_by_names(self._profile, names), talk, groups=groups)
        person = person_from(entry, self._profile)
        with _about(person):
            refuse_by_account(entry, self._clock())
            if admit is not None:
                admit(FoundAccount(person, entry))
            policy = talk.as_person(
                lambda link: self._judge(link.bind(entry.dn, secret, controls=(ppolicy.CONTROL,)))
            )
            person = self._with_policy(person, entry, policy)
        return self._with_groups(person, entry, talk.ask) if groups else person

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`), or `disabled`, `locked`, `expired`,
                `must_change`, `not_now`, where the entry says so for certain.
            DirectoryUnavailable: nothing can be said.
        """
        search_filter = filter_by_id(self._profile, person_id)
        talk, now = self._conversation(), self._clock()
        entry = self._only_entry(search_filter, talk, groups=groups)
        refuse_by_account(entry, now)
        refuse_by_lock(entry, now)
        refuse_by_password(entry, now, allow_must_change=self._config.allow_must_change)
        person = person_from(entry, self._profile)
        return self._with_groups(person, entry, talk.ask) if groups else person

    def ping(self) -> None:
        """Read the root DSE (RFC 4512, section 5.1) on a connection for searches.

        Raises:
            DirectoryUnavailable: the directory does not answer, or refuses our own account.
        """
        found = self._conversation().ask(lambda link: link.read("", attributes=[_NO_ATTRIBUTES]))
        judge_search(found.answer)

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        self._lines.close()

    def servers(self) -> list[ServerStatus]:
        """Tell how each server stands, in order of preference; an embedded directory has none."""
        return self._lines.servers.statuses()

    def _conversation(self) -> Conversation:
        return self._lines.conversation(Deadline(self._config.login_deadline, self._monotonic))

    def _judge(self, answer: Answer) -> PolicyResponse:
        return judge_person_bind(
            answer,
            unwilling_refuses=self._profile.unwilling_refuses,
            allow_must_change=self._config.allow_must_change,
        )

    def _with_policy(self, person: Person, entry: Entry, policy: PolicyResponse) -> Person:
        """Add what the bind said of the password, and refuse one that the entry says is over."""
        now = self._clock()
        refuse_by_password(entry, now, allow_must_change=self._config.allow_must_change)
        expires = person.password_expires_at
        if policy.seconds_to_expiry is not None:
            expires = int(now) + policy.seconds_to_expiry
        return replace(person, password_expires_at=expires, grace_logins_remaining=policy.grace_logins)

    def _with_groups(self, person: Person, entry: Entry, ask: Ask) -> Person:
        return replace(person, groups=self._groups.of(entry, person.net_id, ask))

    def _attributes(self, *, groups: bool) -> list[str]:
        return attributes_to_read(self._profile, also=self._groups.attributes if groups else ())

    def _only_entry(self, search_filter: str, talk: Conversation, *, groups: bool) -> Entry:
        attributes = self._attributes(groups=groups)
        found = talk.ask(
            lambda link: link.search(
                self._user_base, search_filter, attributes=attributes, size_limit=_SIZE_LIMIT
            )
        )
        judge_search(found.answer)
        if not found.entries:
            raise InvalidCredentials(Refusal.UNKNOWN_PERSON)
        if len(found.entries) > 1:
            raise InvalidCredentials(Refusal.AMBIGUOUS, f"{len(found.entries)} entries or more")
        return found.entries[0]

    def _authenticate_as(
        self, dn: str, secret: bytes, talk: Conversation, wanted: str | None, *, groups: bool
    ) -> Person:
        """Bind as a DN that was not searched, then read what it names, with our account's eyes or its own.

        `wanted` is the filter that was set: whom it does not find cannot log in this way either.
        """

        def bind(link: Link) -> Person | PolicyResponse:
            policy = self._judge(link.bind(dn, secret, controls=(ppolicy.CONTROL,)))
            if self._config.bind_dn is not None:
                return policy
            entry = self._read_entry(dn, policy, lambda question: question(link), wanted, groups=groups)
            return self._person_of(entry, policy, lambda question: question(link), groups=groups)

        done = talk.as_person(bind)
        if isinstance(done, Person):
            return done
        entry = self._read_entry(dn, done, talk.ask, wanted, groups=groups)
        return self._person_of(entry, done, talk.ask, groups=groups)

    def _read_entry(
        self, dn: str, policy: PolicyResponse, ask: Ask, wanted: str | None, *, groups: bool
    ) -> Entry:
        attributes = self._attributes(groups=groups)
        found = ask(lambda link: link.read(dn, attributes=attributes))
        if found.answer.code not in _SEEN_OR_HIDDEN:
            judge_search(found.answer)
        if len(found.entries) != 1:
            if policy.error is PolicyError.CHANGE_AFTER_RESET:
                # Until then a server allows them nothing else (draft-behera-ldap-password-policy-10, 8.1.2).
                raise InvalidCredentials(Refusal.MUST_CHANGE, "the entry could not be read before the change")
            raise DirectoryUnavailable(
                f"{dn} could be bound as, but not read (result {found.answer.code}): "
                "let people read their own entry, or set NETID_LDAP_BIND_DN",
                alarm=True,
            )
        if wanted is not None:
            matching = ask(lambda link: link.read(dn, attributes=[_NO_ATTRIBUTES], search_filter=wanted))
            judge_search(matching.answer)
            if not matching.entries:
                raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the filter does not find the entry")
        return found.entries[0]

    def _person_of(self, entry: Entry, policy: PolicyResponse, ask: Ask, *, groups: bool) -> Person:
        person = person_from(entry, self._profile)
        with _about(person):
            refuse_by_account(entry, self._clock())
            person = self._with_policy(person, entry, policy)
        return self._with_groups(person, entry, ask) if groups else person


@contextmanager
def _about(person: Person) -> Iterator[None]:
    """Let a refusal name whom it is about: the help desk looks for it by that."""
    try:
        yield
    except InvalidCredentials as refusal:
        refusal.person_id = person.id
        raise
