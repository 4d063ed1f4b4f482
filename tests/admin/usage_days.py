"""Days of usage and clients, as tests of the report make them."""

from typing import Any

from models import Client, ClientUsage, PasswordGrantPolicy

TODAY = 20_833
"""2027-01-15, in days since the epoch."""
DAY = 86_400
NOW = TODAY * DAY + 8 * 3600


def program(client_id: str = "c1", **members: Any) -> Client:
    """A client that may use the password grant."""
    return Client(
        **{
            "client_id": client_id,
            "client_name": f"Program {client_id}",
            "created_at": 0,
            "grant_types": ("password",),
            **members,
        }
    )


def announced(days_ago: int, **members: Any) -> PasswordGrantPolicy:
    """A policy whose end was announced some days ago."""
    return PasswordGrantPolicy(announced_at=(TODAY - days_ago) * DAY, ends_at=(TODAY + 100) * DAY, **members)


def usage(days_ago: int, logins: int = 0, client_id: str = "c1", **members: Any) -> ClientUsage:
    """A client's day."""
    nothing: dict[str, dict[str, int]] = {"agents": {}, "addresses": {}, "reasons": {}}
    usual = {
        "app_password_logins": 0,
        "refreshes": 0,
        "failures": 0,
        "refusals": 0,
        "users": 1,
        "addresses": 1,
        "last_at": (TODAY - days_ago) * DAY + 60,
        "detail": nothing,
    }
    return ClientUsage(
        **{"day": TODAY - days_ago, "client_id": client_id, "logins": logins, **usual, **members}
    )
