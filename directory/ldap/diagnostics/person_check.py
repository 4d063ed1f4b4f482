"""The doctor's questions about people: are they found, and is all that a login needs to be seen of them?

Owns: the examination of one person, and of their bind. Must not know: how servers are reached.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from directory.contract import InvalidCredentials
from directory.ldap.accounts.lockout_status import LockoutReader
from directory.ldap.accounts.status import (
    refuse_expired_password,
    refuse_inactive_account,
    refuse_locked_account,
)
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.diagnostics.people_check import at_people, at_size_limit, referred
from directory.ldap.diagnostics.report import Finding, StepFailed, StepResult, Steps, StepStatus
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.groups import GroupLookup
from directory.ldap.people.normalization import candidate_names, encoded_password, escape_for_dn
from directory.ldap.people.person import attributes_to_read, filter_by_names, person_from
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_person_bind, judge_search

_SIZE_LIMIT = 2


def examine_person(
    config: LdapConfig,
    base: str,
    link: LdapConnection,
    steps: Steps,
    *,
    net_id: str | None,
    password: str | None,
    deadline: Callable[[], Deadline],
    clock: Callable[[], float],
) -> Iterator[Finding]:
    """Search, look at one person, and bind as them, as far as it was asked for.

    Args:
        config: the settings.
        base: where people are.
        link: bound as our own account.
        steps: takes each step.
        net_id: whom to look for, or None for anybody.
        password: what to bind with, or None not to.
        deadline: makes one for each step.
        clock: seconds since the epoch.
    """
    look = _Look(config, base, link, deadline, clock)
    if config.sees_people:
        yield steps.take("size limit", "NETID_LDAP_URI", lambda: at_size_limit(look.begun(), base))
    yield steps.take("people", "NETID_LDAP_BIND_DN", lambda: at_people(config, look.begun(), base))
    if net_id is None:
        somebody = config.bind_dn or base
        yield steps.take("empty password", "NETID_LDAP_URI", lambda: look.at_empty_password(somebody))
        return
    finding = look.who(steps, net_id, password)
    yield finding
    if finding.verdict is StepStatus.FAILED:
        return
    yield from look.at_entry(steps)
    if password is not None:
        yield steps.take("password", "", lambda: look.at_password(password))
    yield steps.take("empty password", "NETID_LDAP_URI", lambda: look.at_empty_password(look.entry.dn))


@dataclass(slots=True)
class _Look:
    """One look at the people of a directory, over one connection."""

    config: LdapConfig
    base: str
    link: LdapConnection
    deadline: Callable[[], Deadline]
    clock: Callable[[], float]
    entry: Entry = field(init=False)

    @property
    def profile(self) -> Profile:
        return self.config.effective_profile()

    def begun(self) -> LdapConnection:
        """The connection, with the deadline of a new step."""
        self.link.begin(self.deadline())
        return self.link

    def for_person(self, net_id: str) -> StepResult:
        """Exactly one entry."""
        names = candidate_names(net_id, self.config.realms)
        search_filter = filter_by_names(self.profile, names)
        attributes = attributes_to_read(self.profile, also=self._groups.attributes)
        self.link.begin(self.deadline())
        found = self.link.search(self.base, search_filter, attributes=attributes, size_limit=_SIZE_LIMIT)
        judge_search(found.answer)
        if not found.entries:
            raise StepFailed(f"{search_filter} finds nobody under {self.base}", "NETID_LDAP_USER_FILTER")
        if len(found.entries) > 1:
            raise StepFailed(f"{search_filter} finds more than one entry", "NETID_LDAP_USER_FILTER")
        self.entry = found.entries[0]
        return StepResult(f"{search_filter} finds {self.entry.dn}{referred(found)}")

    def who(self, steps: Steps, net_id: str, password: str | None) -> Finding:
        """Find the person in the way that a login does."""
        if self.config.user_dn_template is None:
            return steps.take("person", "NETID_LDAP_USER_FILTER", lambda: self.for_person(net_id))
        setting = "NETID_LDAP_USER_DN_TEMPLATE"
        return steps.take("person", setting, lambda: self.by_template(net_id, password))

    def by_template(self, net_id: str, password: str | None) -> StepResult:
        """The entry that the template names, seen by our account, or without one by the person's own bind."""
        template = str(self.config.user_dn_template)
        names = candidate_names(net_id, self.config.realms)
        dn = template.replace(USERNAME, escape_for_dn(names[0]))
        if self.config.bind_dn is None and password is not None:
            self.at_password_of(dn, password)
        self.link.begin(self.deadline())
        found = self.link.read(dn, attributes=attributes_to_read(self.profile, also=self._groups.attributes))
        if len(found.entries) != 1:
            setting = "NETID_LDAP_USER_DN_TEMPLATE"
            raise StepFailed(f"{dn} is not there, or not to be seen without --password", setting)
        self.entry = found.entries[0]
        if self.config.user_filter is not None:
            self.against_filter(dn, names)
        return StepResult(f"the template names {self.entry.dn}")

    def against_filter(self, dn: str, names: tuple[str, ...]) -> None:
        """A filter that was set must find the entry too."""
        wanted = filter_by_names(self.profile, names)
        found = self.link.read(dn, attributes=["1.1"], search_filter=wanted)
        judge_search(found.answer)
        if not found.entries:
            raise StepFailed(f"{wanted} does not find {dn}", "NETID_LDAP_USER_FILTER")

    def at_entry(self, steps: Steps) -> Iterator[Finding]:
        """What the entry holds of what a login needs."""
        yield steps.take("stable id", "NETID_LDAP_ID_ATTRIBUTE", self.at_id)
        yield steps.take("account state", "NETID_LDAP_PROFILE", self.at_state)
        yield steps.take("readable attributes", "NETID_LDAP_BIND_DN", self.at_attributes)
        yield steps.take("groups", "NETID_LDAP_GROUP_BASE", self.at_groups)
        if self.config.sees_people and self.config.embedded_path is None:
            yield steps.take("lockout", "NETID_LDAP_BIND_DN", self.at_lockout)

    def at_id(self) -> StepResult:
        """The id that becomes `sub`, and the Net ID as stored."""
        person = person_from(self.entry, self.profile)
        return StepResult(f"{self.profile.id_attribute} {person.id}, Net ID {person.net_id}")

    def at_state(self) -> StepResult:
        """Whether the entry lets the person log in at all."""
        try:
            refuse_inactive_account(self.entry, self.clock())
            refuse_locked_account(self.entry, self.clock())
            refuse_expired_password(self.entry, self.clock(), allow_must_change=self.config.allow_must_change)
        except InvalidCredentials as refusal:
            text = f"the person may not log in: {refusal.reason.value}, {refusal.detail}"
            return StepResult(text, "NETID_LDAP_PROFILE")
        return StepResult("the person may log in")

    def at_attributes(self) -> StepResult:
        """What our account can see of what a refresh and the help desk will ask for."""
        wanted = (self.profile.password_changed_attribute, *self.profile.state_attributes)
        seen = [name for name in wanted if self.entry.texts(name)]
        unseen = [name for name in wanted if name not in seen]
        text = f"seen: {', '.join(seen) or 'none'}; absent, or hidden from us: {', '.join(unseen) or 'none'}"
        hidden = self.profile.password_changed_attribute not in seen
        return StepResult(text, "NETID_LDAP_BIND_DN" if hidden else None)

    def at_groups(self) -> StepResult:
        """How many groups the person is in."""
        self.link.begin(self.deadline())
        person = person_from(self.entry, self.profile)
        groups = self._groups.groups_of(self.entry, person.net_id, self.ask)
        return StepResult(f"{len(groups)} groups{': ' + '; '.join(groups[:3]) if groups else ''}")

    def at_lockout(self) -> StepResult:
        """What is known of how near the person is to being locked out."""
        self.link.begin(self.deadline())
        lockouts = LockoutReader(
            self.profile.lockout, self.config.password_policy, clock=self.clock, monotonic=self.clock
        )
        lockout_status, policy = lockouts.read(self.entry.dn, self)
        if lockout_status.failures is None:
            text = "how often a person failed is hidden from us, so that no login can heed it"
            return StepResult(text, "NETID_LDAP_BIND_DN")
        if policy is None:
            text = f"{lockout_status.failures} failures; how many of them lock somebody out is not to be seen"
            return StepResult(text, "NETID_LDAP_PASSWORD_POLICY")
        if policy.limit == 0:
            return StepResult(f"{lockout_status.failures} failures; they lock nobody out")
        forgotten = f"forgotten after {policy.window} s" if policy.window else "not forgotten"
        return StepResult(
            f"{lockout_status.failures} of the {policy.limit} failures that lock; each is {forgotten}"
        )

    def ask(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Ask on the one connection that there is."""
        return question(self.link)

    ask_and_pin = ask

    def at_password(self, password: str) -> StepResult:
        """What a bind as the person says. The connection is the person's afterwards."""
        return self.at_password_of(self.entry.dn, password)

    def at_password_of(self, dn: str, password: str) -> StepResult:
        """What a bind as an entry says."""
        self.link.begin(self.deadline())
        answer = self.link.bind(dn, encoded_password(password), controls=(password_policy.CONTROL,))
        policy = judge_person_bind(
            answer,
            unwilling_refuses=self.profile.unwilling_refuses,
            allow_must_change=self.config.allow_must_change,
        )
        told = ["the password is right"]
        if policy.seconds_to_expiry is not None:
            told.append(f"it expires in {policy.seconds_to_expiry} s")
        if policy.grace_logins is not None:
            told.append(f"{policy.grace_logins} grace logins are left")
        return StepResult("; ".join(told))

    def at_empty_password(self, dn: str) -> StepResult:
        """Whether the directory takes an empty password for an anonymous login (RFC 4513, section 5.1.2)."""
        self.link.begin(self.deadline())
        answer = self.link.bind_without_password(dn)
        if answer.code != 0:
            return StepResult(f"refused by the directory too (result {answer.code})")
        text = "the directory answers success to a bind without a password; this server never sends one"
        return StepResult(text, "NETID_LDAP_URI")

    @property
    def _groups(self) -> GroupLookup:
        return GroupLookup(self.profile, self.config.group_base, self.config.group_filter)
