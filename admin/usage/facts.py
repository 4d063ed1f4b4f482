"""What is known of one client's use of the password grant: its days of usage, added up.

Owns: what the sums mean. Must not know: what the client should do about it (`advice.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from directory import Refusal
from models import Client, ClientUsage

DAY = 86_400
PHONES = frozenset({"iPhone", "Android"})
"""Families of user agents that are users' own devices, as those of `BROWSERS` are."""
BROWSERS = frozenset({"Chrome", "Firefox", "Safari", "Edge"})
MAX_NAMED_ADDRESSES = 3
"""A client with more addresses in a day, or from users' own devices, has its addresses counted, not named."""
_PASSWORD_TROUBLE = (Refusal.EXPIRED.value, Refusal.MUST_CHANGE.value)
"""The reasons of a refusal that a user mends by a new password."""
_STEADY = 0.2
"""A trend within this share is called steady."""


class ServiceAccounts(StrEnum):
    """Whether the users of a client are service accounts: by its rules, by who has used it, or not all."""

    BY_RULES = "service accounts only"
    BY_USERS = "all users are service accounts"
    NO = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What one client did with the password grant in a period.

    - `logins`, `app_password_logins`: tokens given for a Net ID password, and for an app password.
    - `refreshes`: refreshes of tokens that began with a password of either kind.
    - `failures`: refused logins. `refusals`: logins that the client's policy refused, such as in a brown-out.
    - `users`: different users in the period. `addresses`: the most different addresses in one day.
    - `named_addresses`: the addresses with the most logins, if there are few.
    - `agents`: logins by family of user agent. `reasons`: failures by reason.
    - `last_at`: the last use.
    - `earlier`: logins in the first half of the period.
    - `is_new`: whether the client was registered within the period.
    - `service_accounts`: whether its users are service accounts.
    """

    client: Client
    logins: int = 0
    app_password_logins: int = 0
    refreshes: int = 0
    failures: int = 0
    refusals: int = 0
    users: int = 0
    addresses: int = 0
    named_addresses: Sequence[str] = ()
    agents: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    last_at: int | None = None
    earlier: int = 0
    is_new: bool = False
    service_accounts: ServiceAccounts = ServiceAccounts.NO

    @property
    def app_password_share(self) -> float | None:
        """The part of its logins that an app password made, from 0 to 1; None without logins."""
        total = self.logins + self.app_password_logins
        return self.app_password_logins / total if total else None

    @property
    def password_trouble(self) -> int:
        """Logins that were refused because the password had expired or had to be changed."""
        return sum(self.reasons.get(reason, 0) for reason in _PASSWORD_TROUBLE)

    @property
    def main_agent(self) -> str | None:
        """The family of user agents with the most logins, None if the client sent no name."""
        return max(self.agents, key=lambda name: (self.agents[name], name)) if self.agents else None

    @property
    def trend(self) -> str:
        """How Net ID passwords developed within the period, in a word."""
        later = self.logins - self.earlier
        if not self.logins:
            return "unused"
        if not later:
            return "stopped"
        if not self.earlier:
            return "new"
        change = later / self.earlier - 1
        if abs(change) <= _STEADY:
            return "steady"
        return "rising" if change > 0 else "falling"


def facts_of(
    client: Client,
    days: Iterable[ClientUsage],
    *,
    users: int,
    first_day: int,
    last_day: int,
    service_accounts: ServiceAccounts = ServiceAccounts.NO,
) -> ClientFacts:
    """Add up a client's days.

    Args:
        client: as registered.
        days: its usage; days outside the period do not count.
        users: how many different users it had in the period.
        first_day: the first day of the period, in days since the epoch.
        last_day: the last day of it.
        service_accounts: whether its users are service accounts.
    """
    rows = [row for row in days if first_day <= row.day <= last_day]
    agents = _sum(rows, "agents")
    most = max((row.addresses for row in rows), default=0)
    are_users_own = most > MAX_NAMED_ADDRESSES or bool((PHONES | BROWSERS) & agents.keys())
    return ClientFacts(
        client=client,
        logins=sum(row.logins for row in rows),
        app_password_logins=sum(row.app_password_logins for row in rows),
        refreshes=sum(row.refreshes for row in rows),
        failures=sum(row.failures for row in rows),
        refusals=sum(row.refusals for row in rows),
        users=users,
        addresses=most,
        named_addresses=() if are_users_own else _most_frequent(rows),
        agents=agents,
        reasons=_sum(rows, "reasons"),
        last_at=max((row.last_at for row in rows if row.last_at is not None), default=None),
        earlier=sum(row.logins for row in rows if row.day < (first_day + last_day + 1) / 2),
        is_new=client.created_at >= first_day * DAY,
        service_accounts=service_accounts,
    )


def counted(number: int, noun: str, several: str | None = None) -> str:
    """A number and its noun, as sentences have it: "1 user", "1,234 users"."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def _sum(rows: Iterable[ClientUsage], name: str) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row.detail.get(name, {}))
    return dict(total)


def _most_frequent(rows: Iterable[ClientUsage]) -> Sequence[str]:
    addresses = _sum(rows, "addresses")
    return tuple(sorted(addresses, key=lambda each: (-addresses[each], each))[:MAX_NAMED_ADDRESSES])
