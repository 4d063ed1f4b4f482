"""The report on the password grant: each client with its usage, its advice and its owner's reaction.

Owns: which clients and which days are looked at. Must not know: how a report is printed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from admin.clients import find_client
from admin.operation import NothingMatches, OperationRefused, Services
from admin.usage.advice import Advice, advise
from admin.usage.decline import Week, curve_of, projected_end
from admin.usage.facts import DAY, ClientFacts, facts_of
from admin.usage.owners import OwnerState, Reaction, owner_key, owners_of, reaction
from admin.usage.service_accounts import ServiceAccountCheck
from models import Client, ClientUsage, roll_up, usage_of, users_of
from oauth.policy.closed_reason import PASSWORD, earliest_end

PERIOD_DAYS = 90
"""The period of a report that names no other."""
_KEPT_DAYS = 3 * 366
"""Usage is kept for three years: no period and no curve is longer."""


class NotInThePast(OperationRefused):
    """A report was to begin today or later."""

    def __init__(self) -> None:
        super().__init__("--since must be a day before today: nothing is known of later days.")


class UnknownOwner(NothingMatches):
    """No client with the password grant has this owner."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"No client that may use the password grant has the owner {owner!r}.")


class NothingToReport(NothingMatches):
    """The client may not use the password grant, and did not in the period."""

    def __init__(self, client: Client) -> None:
        name = f"{client.client_name} ({client.client_id})"
        super().__init__(f"{name} may not use the password grant, and did not use it in this period.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedClient:
    """One client of the report."""

    facts: ClientFacts
    advice: Advice
    reaction: Reaction

    @property
    def client(self) -> Client:
        """The client as registered."""
        return self.facts.client

    @property
    def uses_net_id_passwords(self) -> bool:
        """Whether a Net ID password gave it a token in the period."""
        return self.facts.logins > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """The use of the password grant by the chosen clients, those with the most logins first.

    - `made_at`: seconds since the epoch. `first_day`, `last_day`: the period, in days since the epoch.
    - `curve`: by week, over all stored days. `projected_end`: a day since the epoch, or None.
    - `server_ends_at`: when every client's password grant ends (`NETID_PASSWORD_GRANT_ENDS`).
    """

    made_at: int
    first_day: int
    last_day: int
    clients: Sequence[ReportedClient]
    curve: Sequence[Week]
    projected_end: int | None
    owners: Sequence[OwnerState]
    server_ends_at: int | None

    @property
    def announced_end(self) -> int | None:
        """When the last client that used Net ID passwords in the period may no longer do so.

        If one of them has no date, it is the end for every client, which may be None.
        """
        ends = [
            earliest_end(each.client.password_grant, self.server_ends_at)
            for each in self.clients
            if each.uses_net_id_passwords
        ]
        known = [end for end in ends if end is not None]
        if not known or len(known) < len(ends):
            return self.server_ends_at
        return max(known)


def usage_report(
    services: Services, *, since: int | None = None, client_name: str | None = None, owner: str | None = None
) -> UsageReport:
    """Report the use of the password grant.

    Args:
        services: what the use case works on.
        since: the beginning of the period, in seconds since the epoch (default: 90 days before today). The
            period is three years at most.
        client_name: only this client, by its id or name.
        owner: only clients of this owner.

    Raises:
        NotInThePast: `since` is not before today.
        UnknownClient, AmbiguousClient: as `find_client`.
        UnknownOwner, NothingToReport: no client with the password grant is the chosen one.
        StoreUnavailable: the database did not answer.
    """
    today = services.now // DAY
    first_day = today - PERIOD_DAYS if since is None else max(since // DAY, today - _KEPT_DAYS)
    if first_day >= today:
        raise NotInThePast
    chosen = _chosen(services, client_name, owner)
    # Without a choice, deleted clients belong to the curve too.
    ids = None if client_name is None and owner is None else [each.client_id for each in chosen]
    days = _days_by_client(services, ids, first_day, today)
    reported = _reported_clients(services, chosen, days, first_day)
    if client_name is not None and chosen and not reported:
        raise NothingToReport(chosen[0])
    curve = curve_of((row for of_one in days.values() for row in of_one), today=today)
    return UsageReport(
        made_at=services.now,
        first_day=first_day,
        last_day=today,
        clients=reported,
        curve=curve,
        projected_end=projected_end(curve),
        owners=owners_of((each.facts, each.reaction) for each in reported),
        server_ends_at=services.settings.password_grant_ends,
    )


def _chosen(services: Services, client_name: str | None, owner: str | None) -> Sequence[Client]:
    clients = services.clients.list() if client_name is None else [find_client(services, client_name)]
    if owner is None:
        return clients
    theirs = [each for each in clients if owner_key(each.owner) == owner_key(owner)]
    if not any(PASSWORD in each.grant_types for each in theirs):
        raise UnknownOwner(owner)
    return theirs


def _days_by_client(
    services: Services, ids: Sequence[str] | None, first_day: int, today: int
) -> Mapping[str, list[ClientUsage]]:
    """All usage of clients, that of the period with its detail, also what was not rolled up yet."""
    # If another process rolls up at this moment, its last rows may be missing.
    roll_up(services.now)
    days: dict[str, list[ClientUsage]] = {}
    earlier = usage_of(today - _KEPT_DAYS, first_day, ids, detail=False)
    for row in (*earlier, *usage_of(first_day, today + 1, ids)):
        days.setdefault(row.client_id, []).append(row)
    return days


def _reported_clients(
    services: Services, clients: Sequence[Client], days: Mapping[str, list[ClientUsage]], first_day: int
) -> Sequence[ReportedClient]:
    """The clients that used the grant in the period or may use it, those with the most logins first."""
    now = services.now
    check = ServiceAccountCheck(services)
    reported = []
    for client in clients:
        rows = days.get(client.client_id, [])
        used = any(row.day >= first_day for row in rows)
        if not used and (PASSWORD not in client.grant_types or client.disabled_at is not None):
            continue
        users = users_of(client.client_id, first_day * DAY) if used else 0
        kind = check.of(client, users=users, since=first_day * DAY)
        facts = facts_of(
            client, rows, users=users, first_day=first_day, last_day=now // DAY, service_accounts=kind
        )
        # Today is not over.
        advice = advise(facts, days=now // DAY - first_day)
        reported.append(ReportedClient(facts=facts, advice=advice, reaction=reaction(facts, rows, now)))
    reported.sort(
        key=lambda each: (-each.facts.logins, -each.facts.app_password_logins, each.client.client_name)
    )
    return reported
