"""Counting audit rows by client and day, in memory.

Owns: which events count, and as what. Must not know: SQL.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import NamedTuple

from models.audit.closed_reason import ClosedReason

ISSUED, REFRESHED, REFUSED, THROTTLED = "token.issued", "token.refreshed", "grant.refused", "login.throttled"
COUNTED_EVENTS = (ISSUED, REFRESHED, REFUSED, THROTTLED)
"""The names of the events that count. An event of another name is only passed over."""
POLICY_REASONS: frozenset[str] = frozenset(ClosedReason)
"""The reasons of refusals by the client's policy of the password grant."""
DAY_SECONDS = 86_400
_PASSWORD, _REFRESH = "password", "refresh_token"
_MAX_NAME = 64
_IPV6_NETWORK = 64


class AuditRow(NamedTuple):
    """The columns of an audit row that are read for the count."""

    id: int
    at: int
    event: str
    client_id: str | None
    subject: str | None
    grant_id: str | None
    address: str | None
    reason: str | None
    times: int | None
    grant_type: str | None
    user_agent: str | None
    app_password_id: str | None


@dataclass(slots=True)
class Tally:
    """The counts of one client on one day."""

    logins: int = 0
    app_password_logins: int = 0
    refreshes: int = 0
    failures: int = 0
    refusals: int = 0
    last_at: int | None = None
    agents: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Uses:
    """The uses of one client by one person. Times are seconds since the epoch."""

    first_at: int
    last_at: int
    last_password_at: int | None = None
    last_app_password_at: int | None = None
    days: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Tallies:
    """The counts of some audit rows: by day and client, and by client and subject."""

    days: dict[tuple[int, str], Tally] = field(default_factory=dict)
    people: dict[tuple[str, str], Uses] = field(default_factory=dict)


def is_password_refresh(row: AuditRow) -> bool:
    """Whether the row may be the refresh of tokens that began with a password. Only its grant can tell."""
    return row.event == REFRESHED and row.grant_type == _REFRESH and row.grant_id is not None


def count(rows: Iterable[AuditRow], password_grants: frozenset[str]) -> Tallies:
    """Count audit rows.

    Args:
        rows: in the order of their keys.
        password_grants: the hex ids of the grants of refreshes that began with a password.
    """
    tallies = Tallies()
    for row in rows:
        if row.client_id is None:
            continue
        is_login = row.event == ISSUED and row.grant_type == _PASSWORD
        if is_login or (is_password_refresh(row) and row.grant_id in password_grants):
            _count_use(tallies, row, row.client_id)
        elif row.event in {REFUSED, THROTTLED} and row.grant_type == _PASSWORD:
            _count_refusal(_tally(tallies, row, row.client_id), row)
    return tallies


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The address as it is counted: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        # Behind a proxy, what its header says may be no address.
        return "".join(each if each.isprintable() else "?" for each in address[:_MAX_NAME])
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ip_network((parsed.packed, _IPV6_NETWORK), strict=False))


def _tally(tallies: Tallies, row: AuditRow, client_id: str) -> Tally:
    key = row.at // DAY_SECONDS, client_id
    found = tallies.days.get(key)
    if found is None:
        found = tallies.days[key] = Tally()
    return found


def _count_use(tallies: Tallies, row: AuditRow, client_id: str) -> None:
    tally = _tally(tallies, row, client_id)
    if row.event == REFRESHED:
        tally.refreshes += 1
    elif row.app_password_id is None:
        tally.logins += 1
    else:
        tally.app_password_logins += 1
    tally.last_at = row.at if tally.last_at is None else max(tally.last_at, row.at)
    if row.user_agent is not None:
        tally.agents[row.user_agent] += 1
    if row.address:
        tally.addresses[network_of(row.address)] += 1
    if row.subject is not None:
        _count_person(tallies, row, client_id, row.subject)


def _count_person(tallies: Tallies, row: AuditRow, client_id: str, subject: str) -> None:
    key = client_id, subject
    uses = tallies.people.get(key)
    if uses is None:
        uses = tallies.people[key] = Uses(row.at, row.at)
    uses.first_at, uses.last_at = min(uses.first_at, row.at), max(uses.last_at, row.at)
    uses.days.add(row.at // DAY_SECONDS)
    if row.event != ISSUED:
        return
    if row.app_password_id is None:
        uses.last_password_at = max(uses.last_password_at or 0, row.at)
    else:
        uses.last_app_password_at = max(uses.last_app_password_at or 0, row.at)


def _count_refusal(tally: Tally, row: AuditRow) -> None:
    times, reason = row.times or 1, row.reason or "unknown"
    if reason in POLICY_REASONS:
        tally.refusals += times
    else:
        tally.failures += times
    tally.reasons[reason] += times
