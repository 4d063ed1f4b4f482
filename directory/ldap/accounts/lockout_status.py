"""How near an account is to being locked, by the server that will take its bind.

Owns: reading the counter, and keeping the policies of the directory for a minute. Must not know: what the
attributes mean (`lockout`), and what is made of a standing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ldap3.core.results import (
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
)

from directory.contract import LockoutStatus
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.kinds.lockout_policy import Lockout, Policy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_search

_POLICY_SECONDS: Final = 60.0
_HIDDEN: Final = frozenset(
    {RESULT_NO_SUCH_OBJECT, RESULT_INSUFFICIENT_ACCESS_RIGHTS, RESULT_INVALID_DN_SYNTAX}
)


class Talk(Protocol):
    """Who asks the directory: a conversation, or whoever has but one connection."""

    def ask(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Ask any server."""
        ...

    def ask_and_pin(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Ask the server that will take the bind."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    policy: Policy | None
    until: float


class LockoutReader:
    """Answers how accounts stand."""

    def __init__(
        self,
        lockout: Lockout,
        default_policy: str | None,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """Take how the directory locks people out.

        Args:
            lockout: of the kind of directory.
            default_policy: DN of the policy of people whose entry names none, where it was set.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
        """
        self._lockout = lockout
        self._default_policy = default_policy
        self._clock = clock
        self._monotonic = monotonic
        self._policies: dict[str, _Kept] = {}

    def look(self, dn: str, session: Talk) -> tuple[LockoutStatus, Policy | None]:
        """Read an account's failures, on the server that `session` will then bind on, and its policy.

        Args:
            dn: of the account's entry.
            session: the login's.

        Returns:
            How the account stands, and the policy in force; None for what cannot be known.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        lockout = self._lockout
        attributes = (lockout.counter, *lockout.attributes, lockout.policy_of)
        # A counter at none is no attribute at all, and one that is hidden from us looks the same. But of what
        # is hidden neither is true, that it is there and that it is not (RFC 4511, section 4.5.1.7).
        either = f"(|({lockout.counter}=*)(!({lockout.counter}=*)))"
        entry = _entry_of(
            session.ask_and_pin(lambda link: link.read(dn, attributes=attributes, search_filter=either))
        )
        named = entry or _entry_of(session.ask(lambda link: link.read(dn, attributes=[lockout.policy_of])))
        policy = self._policy_of(named, session) if named else None
        failures = lockout.count(entry, policy, self._clock()) if entry else None
        return LockoutStatus(failures, policy.limit if policy else None), policy

    def _policy_of(self, entry: Entry, session: Talk) -> Policy | None:
        """Find the policy in force for an entry that was read with the attribute that names it."""
        lockout = self._lockout
        dn = entry.text(lockout.policy_of) or self._default_policy or lockout.default_policy(entry.dn)
        if not dn:
            return None
        now = self._monotonic()
        kept = self._policies.get(dn)
        if kept is None or kept.until <= now:
            found = _entry_of(session.ask(lambda link: link.read(dn, attributes=lockout.policy_attributes)))
            kept = _Kept(lockout.read(found) if found else None, now + _POLICY_SECONDS)
            others = {name: each for name, each in self._policies.items() if each.until > now}
            self._policies = {**others, dn: kept}
        return kept.policy


def _entry_of(found: SearchResult) -> Entry | None:
    """The entry that was read, or None if it is not to be seen."""
    if found.answer.code not in _HIDDEN:
        judge_search(found.answer)
    return next(iter(found.entries), None)
