"""`flask audit list`: the audit table."""

import csv
import json
from typing import Any, cast

from models import record
from telemetry import AuditEvent
from tests.answers import Answer
from tests.conftest import NOON, Site
from tests.fakes import ALICE

DAY = 86_400


def listed(site: Site, *arguments: str) -> list[dict[str, Any]]:
    """The events that a command lists."""
    found: list[dict[str, Any]] = json.loads(site.run("audit", "list", *arguments, "--json"))["items"]
    return found


def store(site: Site, *events: AuditEvent) -> None:
    """Store audit rows."""
    with site.app.app_context():
        for event in events:
            record(event)


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


def test_events_of_a_request_are_found_by_the_id_of_its_answer(site: Site) -> None:
    """A user reports the id that the error names, and the operator finds the refusal."""
    client = site.register("a program")
    answers = [site.ask_token(client, password=password) for password in ("wrong", "alice-password")]
    for answer, event in zip(cast("list[Answer]", answers), ("grant.refused", "token.issued"), strict=True):
        (found,) = listed(site, "--request", answer.request_id)
        assert (found["event"], found["request_id"]) == (event, answer.request_id)
    assert listed(site, "--request", "unknown") == []


def test_until_ends_the_list_and_moves_its_default_beginning(site: Site) -> None:
    """`--until` alone lists the week before it."""
    store(site, *(AuditEvent(event=f"e{age}", at=NOON - age * DAY) for age in (20, 12, 9, 2)))
    assert [each["event"] for each in listed(site)] == ["e2"]
    until = ("--until", "2027-01-08 08:00:00")
    assert [each["event"] for each in listed(site, *until)] == ["e9", "e12"]
    assert [each["event"] for each in listed(site, *until, "--since", "2026-12-01")] == ["e9", "e12", "e20"]


def test_table_has_client_names_and_no_empty_column(site: Site) -> None:
    """An operator reads when, what, which program and who, without columns that nothing fills."""
    client = site.register("Library of Babel")
    store(
        site,
        AuditEvent(event="token.issued", at=NOON, client_id=client.client_id, subject="s", times=None),
        AuditEvent(event="client.updated", at=NOON + 1, client_id="gone", actor="alice", reason="owner"),
    )
    heading, first, second = site.run("audit", "list").splitlines()
    assert heading.split() == ["AT", "EVENT", "CLIENT", "CLIENT_ID", "SUB", "ACTOR", "REASON"]
    assert first.split() == ["2027-01-15", "08:00:01Z", "client.updated", "gone", "alice", "owner"]
    assert "Library of Babel" in second
    assert client.client_id in second


def test_empty_table_has_a_heading(site: Site) -> None:
    """A list without events is a heading alone."""
    assert site.run("audit", "list").split()[:3] == ["AT", "EVENT", "CLIENT"]


def test_csv_has_every_column_and_no_formula(site: Site) -> None:
    """A program finds the same columns in every list, and a spreadsheet runs nothing."""
    client = site.register("=cmd()")
    texts = {
        "reason": "a\nb",
        "address": '"quoted", text',
        "scope": "-1+1",
        "actor": "@x",
        "hint": "\uff1dcmd()",
    }
    store(site, AuditEvent(event="e", at=NOON, client_id=client.client_id, **texts))  # type: ignore[arg-type]
    (row,) = csv.DictReader(site.run("audit", "list", "--format", "csv").splitlines())
    assert set(row) == {*AuditEvent.__slots__, "client_name", "sub"} - {"subject"}
    assert (row["at"], row["event"], row["sub"]) == ("2027-01-15 08:00:00Z", "e", "")
    assert (row["client_name"], row["scope"], row["actor"], row["hint"]) == (
        "'=cmd()",
        "'-1+1",
        "'@x",
        "'\uff1dcmd()",
    )
    assert (row["reason"], row["address"]) == ("a\\nb", '"quoted", text')


def test_jsonl_is_one_object_a_line_without_empty_members(site: Site) -> None:
    """A log collector reads line by line."""
    store(site, *(AuditEvent(event=f"e{number}", at=NOON + number, reason="a\nb") for number in range(3)))
    lines = [json.loads(line) for line in site.run("audit", "list", "--format", "jsonl").splitlines()]
    assert lines == [{"at": NOON + n, "event": f"e{n}", "reason": "a\nb"} for n in (2, 1, 0)]


def test_list_that_is_cut_says_so(site: Site) -> None:
    """With more events than the limit, the newest are listed."""
    store(site, *(AuditEvent(event=f"e{number}", at=NOON + number) for number in range(3)))
    result = site.app.test_cli_runner().invoke(args=["audit", "list", "--limit", "2", "--format", "csv"])
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "There are more than 2: --limit shows more of them.\n"


def test_formats_exclude_each_other(site: Site) -> None:
    """`--json` is the form of every command; `--format` has others."""
    site.run("audit", "list", "--json", "--format", "csv", status=2)


def test_a_table_cannot_be_turned_around(site: Site) -> None:
    """Characters that move a cursor or reverse a line are escaped in every format."""
    store(site, AuditEvent(event="e", at=NOON, address="1\x1b[2J\u202e", reason="a\nb"))
    for output in ("table", "csv", "jsonl"):
        printed = site.run("audit", "list", "--format", output)
        assert "\x1b" not in printed
        assert "\u202e" not in printed
        assert "\\u202e" in printed
        assert len(printed.splitlines()) == (1 if output == "jsonl" else 2)
