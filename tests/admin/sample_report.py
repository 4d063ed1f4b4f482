"""A report of a small campus, in which the use of Net ID passwords declines."""

from admin.usage.advice import advise
from admin.usage.decline import curve_of, projected_end
from admin.usage.facts import ServiceAccounts, facts_of
from admin.usage.owners import owners_of, reaction
from admin.usage.report import ReportedClient, UsageReport
from models import Client, ClientUsage
from tests.admin.usage_days import DAY, NOW, TODAY, announced, program, usage

_AGENTS = ("curl", "python-requests", "Java", "iPhone", "PHP", "node", "Chrome", "other", "Go-http-client")
_PERIOD = 90
_YEAR = 364
HOSTILE = "<script>document.title='run'</script>&\"' " + "Averylongnamewithoutanyspace" * 6
"""The name of one client."""


def sample_report(clients: int = 24, second_name: str = HOSTILE) -> UsageReport:
    """A report of some clients: the smaller ones move first, and some owners have not reacted."""
    made = [_client(number, second_name) for number in range(clients)]
    days = {client.client_id: _days(number, client, clients) for number, client in enumerate(made)}
    reported = [_reported(client, days[client.client_id]) for client in made]
    curve = curve_of([row for rows in days.values() for row in rows], today=TODAY)
    return UsageReport(
        made_at=NOW,
        first_day=TODAY - _PERIOD,
        last_day=TODAY,
        clients=sorted(reported, key=lambda each: -each.facts.logins),
        curve=curve,
        projected_end=projected_end(curve),
        owners=owners_of((each.facts, each.reaction) for each in reported),
        server_ends_at=(TODAY + 300) * DAY,
    )


def _client(number: int, second_name: str) -> Client:
    name = second_name if number == 1 else f"Program {number}"
    owner = None if number % 7 == 6 else f"team{number // 2}@faculty{number % 5}.campus.example"
    policy = {"password_grant": announced(30 * (number % 4))} if number % 4 else {}
    return program(f"client-{number}", client_name=name, owner=owner, **policy)


def _days(number: int, client: Client, clients: int) -> list[ClientUsage]:
    """A year of the client's use. Every second client has moved, the later the larger it is."""
    size = 4000 // (number + 1) ** 2 + 3
    moved_ago = _YEAR * number // clients if number % 2 else 0
    rows = []
    for ago in range(_YEAR, -1, -1):
        logins = 0 if ago < moved_ago else size
        agent = _AGENTS[number % len(_AGENTS)]
        detail = {
            "agents": {agent: size},
            "addresses": {"192.0.2.7": size},
            "reasons": {"expired": size // 50},
        }
        rows.append(
            usage(
                ago,
                logins,
                client.client_id,
                app_password_logins=size - logins if number % 3 else 0,
                users=max(1, size // 5),
                addresses=1 + number,
                failures=size // 40,
                detail=detail,
            )
        )
    return rows


def _reported(client: Client, rows: list[ClientUsage]) -> ReportedClient:
    kind = ServiceAccounts.BY_RULES if client.client_id == "client-4" else ServiceAccounts.NO
    users = max(row.users for row in rows)
    facts = facts_of(
        client, rows, users=users, first_day=TODAY - _PERIOD, last_day=TODAY, service_accounts=kind
    )
    return ReportedClient(
        facts=facts, advice=advise(facts, days=_PERIOD), reaction=reaction(facts, rows, NOW)
    )
