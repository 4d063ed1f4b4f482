"""The steps of the check about users: are they visible, and does our account see all that a login needs?

Owns: the checks of one user, of that user's bind, and of searches for any user. Must not know: how servers
are reached.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED

from directory.contract import InvalidCredentials, encoded_password
from directory.dn import escape_for_dn
from directory.ldap.accounts.lockout_status import LockoutReader
from directory.ldap.accounts.status import (
    refuse_expired_password,
    refuse_inactive_account,
    refuse_locked_account,
)
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.session import Query
from directory.ldap.diagnostics.report import Finding, StepFailed, StepResult, Steps, StepStatus
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.groups import GroupLookup
from directory.ldap.people.lookup import SIZE_LIMIT
from directory.ldap.people.person import attributes_to_read, person_from
from directory.ldap.people.settings_check import check_users
from directory.ldap.people.user_filter import candidate_names, escape_for_filter, filter_by_names
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_person_bind, judge_search

_SHOWN_GROUPS: Final = 3
_COST_OF_HIDDEN_CHANGE: Final = (
    "Without {attribute}, the server cannot tell that a password has changed. A program that repeats an old "
    "password costs a bind every five minutes. A refused password that becomes right is accepted only after "
    "five minutes. A changed password ends no older token"
)
_ONLY_OWN_ENTRIES: Final = (
    "without a service account, users see only their own entries: a refresh answers 503, unless an anonymous "
    "search finds the user"
)


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
    """Check that users are visible; then check one user and that user's bind, if they are given.

    Args:
        config: the settings.
        base: DN below which users are searched.
        link: a connection that is bound as our own account.
        steps: runs and times each step.
        net_id: the login name of the user to check, or None.
        password: the password to bind with, or None for no bind.
        deadline: makes the deadline of each step.
        clock: returns seconds since the epoch.
    """
    checks = _UserChecks(config, base, link, deadline, clock)
    if config.sees_people:
        yield steps.take("size limit", "NETID_LDAP_URI", checks.size_limit)
    visibility = steps.take("people", "NETID_LDAP_BIND_DN", checks.visibility)
    yield visibility
    if net_id is None:
        any_dn = config.bind_dn or base
        yield steps.take("empty password", "NETID_LDAP_URI", lambda: checks.empty_password(any_dn))
        return
    finding = _blame(checks.find_user(steps, net_id, password), visibility)
    yield finding
    if finding.verdict is StepStatus.FAILED:
        return
    yield from (_blame(each, visibility) for each in checks.entry_steps(steps))
    if password is not None:
        yield steps.take("password", "", lambda: checks.password(checks.entry.dn, password))
    yield steps.take("empty password", "NETID_LDAP_URI", lambda: checks.empty_password(checks.entry.dn))


@dataclass(slots=True)
class _UserChecks:
    """The checks of users over one connection. `entry` is set by the step that finds the user."""

    config: LdapConfig
    base: str
    link: LdapConnection
    deadline: Callable[[], Deadline]
    clock: Callable[[], float]
    entry: Entry = field(init=False)

    @property
    def profile(self) -> Profile:
        return self.config.effective_profile()

    def size_limit(self) -> StepResult:
        """Check that the server honours a size limit: a login uses one to notice a second entry."""
        limit = 1
        self.link.set_deadline(self.deadline())
        found = self.link.search(self.base, "(objectClass=*)", attributes=[NO_ATTRIBUTES], size_limit=limit)
        if found.answer.code != RESULT_SIZE_LIMIT_EXCEEDED:
            judge_search(found.answer)
        is_honoured = len(found.entries) <= limit
        text = "the server honours it" if is_honoured else "the server ignores it; entries are counted here"
        return StepResult(text + _ignored_references(found))

    def visibility(self) -> StepResult:
        """Check that our account finds users by their stable id, as a refresh does."""
        if not self.config.sees_people:
            return StepResult(_ONLY_OWN_ENTRIES, "NETID_LDAP_BIND_DN")
        self.link.set_deadline(self.deadline())
        check_users(self.config, self.base, self.ask)
        return StepResult(f"our account finds users by {self.profile.id_attribute}")

    def find_user(self, steps: Steps, net_id: str, password: str | None) -> Finding:
        """Find the user as a login does."""
        if self.config.user_dn_template is None:
            return steps.take("person", "NETID_LDAP_USER_FILTER", lambda: self._search_user(net_id))
        setting = "NETID_LDAP_USER_DN_TEMPLATE"
        return steps.take("person", setting, lambda: self._read_at_template(net_id, password))

    def _search_user(self, net_id: str) -> StepResult:
        """Check that the user filter finds exactly one entry."""
        names = candidate_names(net_id, self.config.realms)
        search_filter = filter_by_names(self.profile, names)
        attributes = attributes_to_read(self.profile, also=self._groups.attributes)
        self.link.set_deadline(self.deadline())
        found = self.link.search(self.base, search_filter, attributes=attributes, size_limit=SIZE_LIMIT)
        judge_search(found.answer)
        if not found.entries:
            raise self._not_found(search_filter, names)
        if len(found.entries) > 1:
            raise StepFailed(f"{search_filter} finds more than one entry", "NETID_LDAP_USER_FILTER")
        self.entry = found.entries[0]
        return StepResult(f"{search_filter} finds {self.entry.dn}{_ignored_references(found)}")

    def _not_found(self, search_filter: str, names: tuple[str, ...]) -> StepFailed:
        """Find out whether the user exists: below the base, or elsewhere in the directory."""
        attribute = self.profile.net_id_attribute
        by_name = f"(|{''.join(f'({attribute}={escape_for_filter(name)})' for name in names)})"
        text = f"{search_filter} finds no entry under {self.base}"
        if dn := self._first_dn(self.base, by_name):
            return StepFailed(f"{text}, but {by_name} finds {dn}", "NETID_LDAP_USER_FILTER")
        root = self.link.read("", attributes=["namingContexts"])
        for context in (context for entry in root.entries for context in entry.texts("namingContexts")):
            if dn := self._first_dn(context, search_filter):
                return StepFailed(f"{text}, but finds {dn}", "NETID_LDAP_USER_BASE")
        return StepFailed(
            f"{text}: no user has this login name, or the filter is wrong", "NETID_LDAP_USER_FILTER"
        )

    def _first_dn(self, base: str, search_filter: str) -> str | None:
        found = self.link.search(base, search_filter, attributes=[NO_ATTRIBUTES], size_limit=SIZE_LIMIT)
        return found.entries[0].dn if found.entries else None

    def _read_at_template(self, net_id: str, password: str | None) -> StepResult:
        """Read the entry that the template names, as our account; without one, after the user's own bind."""
        template = str(self.config.user_dn_template)
        names = candidate_names(net_id, self.config.realms)
        dn = template.replace(USERNAME, escape_for_dn(names[0]))
        if self.config.bind_dn is None and password is not None:
            self.password(dn, password)
        self.link.set_deadline(self.deadline())
        found = self.link.read(dn, attributes=attributes_to_read(self.profile, also=self._groups.attributes))
        if len(found.entries) != 1:
            setting = "NETID_LDAP_USER_DN_TEMPLATE"
            raise StepFailed(f"{dn} does not exist, or only its user may read it (--password)", setting)
        self.entry = found.entries[0]
        if self.config.user_filter is not None:
            self._match_filter(dn, names)
        return StepResult(f"the template names {self.entry.dn}")

    def _match_filter(self, dn: str, names: tuple[str, ...]) -> None:
        """Check that a user filter that was set matches the entry too."""
        user_filter = filter_by_names(self.profile, names)
        found = self.link.read(dn, attributes=[NO_ATTRIBUTES], search_filter=user_filter)
        judge_search(found.answer)
        if not found.entries:
            raise StepFailed(f"{user_filter} does not match {dn}", "NETID_LDAP_USER_FILTER")

    def entry_steps(self, steps: Steps) -> Iterator[Finding]:
        """Check that the entry holds what a login needs."""
        stable_id = steps.take("stable id", "NETID_LDAP_ID_ATTRIBUTE", self._stable_id)
        yield stable_id
        yield steps.take("account state", "NETID_LDAP_PROFILE", self._account_state)
        yield steps.take("readable attributes", "NETID_LDAP_BIND_DN", self._readable_attributes)
        if stable_id.verdict is not StepStatus.FAILED:
            yield steps.take("claims", "NETID_LDAP_CLAIM_ATTRIBUTES", self._claims)
            yield steps.take("groups", "NETID_LDAP_GROUP_BASE", self._count_groups)
        if self.config.sees_people and self.config.embedded_path is None:
            yield steps.take("lockout", "NETID_LDAP_BIND_DN", self._lockout)

    def _stable_id(self) -> StepResult:
        """Show the id that becomes `sub`, and the Net ID as stored."""
        person = person_from(self.entry, self.profile)
        return StepResult(f"{self.profile.id_attribute} {person.id}, Net ID {person.net_id}")

    def _account_state(self) -> StepResult:
        """Check that the entry lets the user log in."""
        try:
            refuse_inactive_account(self.entry, self.clock())
            refuse_locked_account(self.entry, self.clock())
            refuse_expired_password(self.entry, self.clock(), allow_must_change=self.config.allow_must_change)
        except InvalidCredentials as refusal:
            text = f"the user may not log in: {refusal.reason.value}, {refusal.detail}"
            return StepResult(text, "NETID_LDAP_PROFILE")
        return StepResult("the user may log in")

    def _readable_attributes(self) -> StepResult:
        """List the attributes of the account's state that our account can read in this entry."""
        expected = (self.profile.password_changed_attribute, *self.profile.state_attributes)
        present = [name for name in expected if self.entry.texts(name)]
        missing = [name for name in expected if name not in present]
        text = f"read: {', '.join(present) or 'none'}; absent or hidden: {', '.join(missing) or 'none'}"
        if self.profile.password_changed_attribute in present:
            return StepResult(text)
        cost = _COST_OF_HIDDEN_CHANGE.format(attribute=self.profile.password_changed_attribute)
        return StepResult(f"{text}. {cost}", "NETID_LDAP_BIND_DN")

    def _claims(self) -> StepResult:
        """List the standard claims that this entry has a value for. The values themselves are not shown."""
        person = person_from(self.entry, self.profile)
        has = {"name": person.name is not None, "email": person.mail is not None}
        present = [name for name in self.config.claim_names if has.get(name, name in person.details)]
        absent = [name for name in self.config.claim_names if name not in present]
        return StepResult(
            f"present: {', '.join(present) or 'none'}; absent or hidden: {', '.join(absent) or 'none'}"
        )

    def _count_groups(self) -> StepResult:
        """Count the user's groups, and show the first ones."""
        self.link.set_deadline(self.deadline())
        person = person_from(self.entry, self.profile)
        groups = self._groups.groups_of(self.entry, person.net_id, self.ask)
        return StepResult(f"{len(groups)} groups{': ' + '; '.join(groups[:_SHOWN_GROUPS]) if groups else ''}")

    def _lockout(self) -> StepResult:
        """Show what our account can read about the user's failures and the limit that locks."""
        self.link.set_deadline(self.deadline())
        lockouts = LockoutReader(
            self.profile.lockout, self.config.password_policy, clock=self.clock, monotonic=self.clock
        )
        lockout_status, policy = lockouts.read(self.entry.dn, self)
        if lockout_status.failures is None:
            text = "our account may not read the count of failures, so logins cannot prevent a lockout"
            return StepResult(text, "NETID_LDAP_BIND_DN")
        if policy is None:
            text = f"{lockout_status.failures} failures; lockout threshold not readable"
            return StepResult(text, "NETID_LDAP_PASSWORD_POLICY")
        if policy.limit == 0:
            return StepResult(f"{lockout_status.failures} failures; they lock no account")
        forgotten = f"forgotten after {policy.window} s" if policy.window else "not forgotten"
        return StepResult(
            f"{lockout_status.failures} of the {policy.limit} failures that lock; each is {forgotten}"
        )

    def ask(self, question: Query) -> SearchResult:
        """Run a query on the only connection."""
        return question(self.link)

    ask_and_pin = ask

    def password(self, dn: str, password: str) -> StepResult:
        """Bind as an entry. The connection is then bound as its user."""
        self.link.set_deadline(self.deadline())
        answer = self.link.bind(dn, encoded_password(password), controls=(password_policy.CONTROL,))
        policy = judge_person_bind(
            answer,
            unwilling_refuses=self.profile.unwilling_refuses,
            allow_must_change=self.config.allow_must_change,
        )
        sentences = ["the password is right"]
        if policy.seconds_to_expiry is not None:
            sentences.append(f"it expires in {policy.seconds_to_expiry} s")
        if policy.grace_logins is not None:
            sentences.append(f"{policy.grace_logins} grace logins are left")
        return StepResult("; ".join(sentences))

    def empty_password(self, dn: str) -> StepResult:
        """Check whether the directory accepts a bind with an empty password (RFC 4513, section 5.1.2)."""
        self.link.set_deadline(self.deadline())
        answer = self.link.bind_without_password(dn)
        if answer.code != 0:
            return StepResult(f"refused by the directory too (result {answer.code})")
        text = "the directory accepts a bind without a password; this server never sends one"
        return StepResult(text, "NETID_LDAP_URI")

    @property
    def _groups(self) -> GroupLookup:
        return GroupLookup(self.profile, self.config.group_base, self.config.group_filter)


def _blame(finding: Finding, visibility: Finding) -> Finding:
    """Let a failed step name the setting by which no user at all is found, since that is the first fault."""
    if visibility.verdict is finding.verdict is StepStatus.FAILED:
        return replace(finding, text=f"{finding.text} (see people)", setting=visibility.setting)
    return finding


def _ignored_references(found: SearchResult) -> str:
    """Mention references to other servers (RFC 4511, section 4.5.3), which are not followed."""
    if not found.references:
        return ""
    return f"; {found.references} references to other servers are not followed"
