"""Which clients have service accounts as their only users.

Owns: what says so: the client's rules about users, or the groups of those who used it. Must not know: what
follows from it.
"""

import re
from collections.abc import Iterable, Mapping

from admin.operation import Services
from admin.usage.facts import ServiceAccounts
from core.person_rules import GROUP, parse_rule
from directory import DirectoryUnavailable, InvalidCredentials
from login import NotADn, strict_dn_key
from models import Client, subjects_who_used
from oauth.policy.membership import met, want_groups

_MAX_USERS = 5
"""A client with more users than these is not looked up in the directory."""
_NAME = re.compile(
    r"(service|functional|technical|system)[ _-]*(accounts?|users?)|svc([ _-]*(accounts?|users?))?|robots?"
)
_FIRST_VALUE = re.compile(r"[^=]*=\s*([^,+]*)")


class ServiceAccountCheck:
    """Answers for the clients of one report, and asks the directory for each user once."""

    def __init__(self, services: Services) -> None:
        """Take the rules that the operator named (`NETID_SERVICE_ACCOUNTS`).

        Args:
            services: what the use case works on.
        """
        self._services = services
        self._rules = services.settings.service_accounts
        self._answers: dict[str, bool] = {}
        self._is_away = False

    def of(self, client: Client, *, users: int, since: int) -> ServiceAccounts:
        """Whether the users of a client are service accounts.

        If the directory does not answer, only the rules say so.

        Args:
            client: as registered.
            users: how many users it had.
            since: the beginning of the period, in seconds since the epoch.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        if allows_service_accounts_only(client.restrictions, self._rules):
            return ServiceAccounts.BY_RULES
        if not self._rules or not 0 < users <= _MAX_USERS:
            return ServiceAccounts.NO
        subjects = subjects_who_used(client.client_id, since, limit=_MAX_USERS)
        return ServiceAccounts.BY_USERS if all(map(self._is_one, subjects)) else ServiceAccounts.NO

    def _is_one(self, subject: str) -> bool:
        if subject not in self._answers:
            self._answers[subject] = self._ask(subject)
        return self._answers[subject]

    def _ask(self, subject: str) -> bool:
        if self._is_away:
            return False
        try:
            person = self._services.directory.read(subject, groups=want_groups(self._rules))
        except InvalidCredentials:
            return False
        except DirectoryUnavailable:
            self._is_away = True
            return False
        return met(person, self._rules) is not None


def allows_service_accounts_only(restrictions: Mapping[str, Iterable[str]], rules: Iterable[str]) -> bool:
    """Whether every rule that allows users of a client means service accounts.

    Args:
        restrictions: of the client.
        rules: those that mean service accounts. Without any, a group means them if its name says so, such as
            `cn=service-accounts`.
    """
    named = {_key(rule) for rule in rules}
    allowed = tuple(restrictions.get("allow_members", ()))
    return bool(allowed) and all(_key(rule) in named if named else _says_so(rule) for rule in allowed)


def _key(rule: str) -> object:
    """A rule as rules are compared: the DN of a group as every directory compares it."""
    parsed = parse_rule(rule)
    if parsed is None:
        return rule
    if parsed.kind != GROUP:
        return parsed.kind, parsed.value.casefold()
    try:
        return strict_dn_key(parsed.value)
    except NotADn:
        return rule


def _says_so(rule: str) -> bool:
    parsed = parse_rule(rule)
    if parsed is None:
        return False
    first = _FIRST_VALUE.match(parsed.value) if parsed.kind == GROUP else None
    name = first[1] if first else parsed.value
    return _NAME.fullmatch(name.strip().casefold()) is not None
