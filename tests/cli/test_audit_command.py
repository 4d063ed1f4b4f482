"""`flask audit list`: the audit table."""

import json
from typing import Any

from models import record
from telemetry import AuditEvent
from tests.conftest import NOON, Site
from tests.fakes import ALICE

DAY = 86_400


def listed(site: Site, *arguments: str) -> list[dict[str, Any]]:
    """The events that a command lists."""
    found: list[dict[str, Any]] = json.loads(site.run("audit", "list", *arguments, "--json"))["events"]
    return found


def test_events_are_selected(site: Site) -> None:
    """Events are selected by person (Net ID or stable id), client, event and time."""
    client = site.register("a program")
    other = site.register("other")
    site.token(client)
    site.token(other, username="carol", password="carol-password")
    site.ask_token(other, username="nobody-at-all")
    assert [each["event"] for each in listed(site)] == ["grant.refused", "token.issued", "token.issued"]
    for person in ("alice", ALICE.id):
        assert [each["client_id"] for each in listed(site, "--person", person)] == [client.client_id]
    assert len(listed(site, "--client", "other")) == 2
    assert len(listed(site, "--event", "token.*")) == 2
    assert [each["reason"] for each in listed(site, "--name", "Nobody-At-All")] == ["unknown_person"]
    site.clock.now += 8 * DAY
    assert listed(site) == []
    assert len(listed(site, "--since", "2020-01-01")) == 3


def test_a_table_cannot_be_turned_around(site: Site) -> None:
    """Characters that move a cursor or reverse a line are escaped."""
    with site.app.app_context():
        record(AuditEvent(event="e", at=NOON, address="1\x1b[2J\u202e", reason="a\nb"))
    printed = site.run("audit", "list")
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert "\\u202e" in printed
    assert len(printed.splitlines()) == 2
