"""Reads how near an account is to being locked, from the server that will take its bind.

Owns: reading the failure counter, and the cache of password policies. Must not know: what the attributes mean
(`kinds`), and what a login decides by it.
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
from directory.ldap.connections.session import Query
from directory.ldap.kinds.profile import Lockout, LockoutPolicy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_search

_POLICY_CACHE_SECONDS: Final = 60.0
_HIDDEN: Final = frozenset(
    {RESULT_NO_SUCH_OBJECT, RESULT_INSUFFICIENT_ACCESS_RIGHTS, RESULT_INVALID_DN_SYNTAX}
)


class QueryRunner(Protocol):
    """Runs queries: an `LdapSession`, or the check's single connection."""

    def ask(self, question: Query) -> SearchResult:
        """Run a query on any server."""
        ...

    def ask_and_pin(self, question: Query) -> SearchResult:
        """Run a query on the server that will take the bind."""
        ...


@dataclass(frozen=True, slots=True)
class _CachedPolicy:
    policy: LockoutPolicy | None
    expires_at: float


class LockoutReader:
    """Reads the lockout status of accounts."""

    def __init__(
        self,
        lockout: Lockout,
        default_policy: str | None,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """Keep the rules of the directory.

        Args:
            lockout: how this kind of directory counts failures.
            default_policy: DN of the policy for users whose entry names none; None for the kind's default.
            clock: returns seconds since the epoch.
            monotonic: returns seconds since a fixed moment.
        """
        self._lockout = lockout
        self._default_policy = default_policy
        self._clock = clock
        self._monotonic = monotonic
        self._policies: dict[str, _CachedPolicy] = {}

    def read(self, dn: str, session: QueryRunner) -> tuple[LockoutStatus, LockoutPolicy | None]:
        """Read an account's failures and its policy; the session is then pinned to the server that answered.

        Args:
            dn: DN of the account's entry.
            session: the session of the login.

        Returns:
            The lockout status, and the policy in force. A value that our account may not read is None.

        Raises:
            DirectoryUnavailable: the directory gives no usable answer.
        """
        lockout = self._lockout
        attributes = (lockout.counter, *lockout.attributes, lockout.policy_of)
        # Without failures an entry has no counter attribute, and a counter that is hidden looks the same. The
        # filter tells them apart: for a hidden attribute neither part is true (RFC 4511, section 4.5.1.7).
        is_readable = f"(|({lockout.counter}=*)(!({lockout.counter}=*)))"
        entry = _entry_of(
            session.ask_and_pin(lambda link: link.read(dn, attributes=attributes, search_filter=is_readable))
        )
        named = entry or _entry_of(session.ask(lambda link: link.read(dn, attributes=[lockout.policy_of])))
        policy = self._policy_of(named, session) if named else None
        failures = lockout.count(entry, policy, self._clock()) if entry else None
        return LockoutStatus(failures, policy.limit if policy else None), policy

    def _policy_of(self, entry: Entry, session: QueryRunner) -> LockoutPolicy | None:
        """Return the policy in force for an entry that was read with the attribute that names it."""
        lockout = self._lockout
        dn = entry.text(lockout.policy_of) or self._default_policy or lockout.default_policy(entry.dn)
        if not dn:
            return None
        now = self._monotonic()
        cached = self._policies.get(dn)
        if cached is None or cached.expires_at <= now:
            found = _entry_of(session.ask(lambda link: link.read(dn, attributes=lockout.policy_attributes)))
            cached = _CachedPolicy(lockout.read(found) if found else None, now + _POLICY_CACHE_SECONDS)
            unexpired = {name: each for name, each in self._policies.items() if each.expires_at > now}
            self._policies = {**unexpired, dn: cached}
        return cached.policy


def _entry_of(found: SearchResult) -> Entry | None:
    """Return the entry that was read, or None if it is missing or hidden."""
    if found.answer.code not in _HIDDEN:
        judge_search(found.answer)
    return next(iter(found.entries), None)
