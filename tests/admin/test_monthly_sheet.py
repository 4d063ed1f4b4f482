"""The monthly sheet for the owner of programs."""

from dataclasses import replace
from typing import Any

import pytest

from admin.usage.advice import advise
from admin.usage.facts import ClientFacts, ServiceAccounts
from admin.usage.owners import Reaction
from admin.usage.report import ReportedClient, UsageReport
from admin.usage.sheet import policy_dates, write_sheet
from models import PasswordGrantPolicy
from tests.admin.usage_days import DAY, NOW, TODAY, program

ISSUER = "https://netid.library.example"


def reported(**members: Any) -> ReportedClient:
    """A client with a thousand logins of one user."""
    facts = ClientFacts(
        **{
            "client": program(),
            "logins": 1000,
            "users": 1,
            "addresses": 1,
            "agents": {"python-requests": 1000},
            **members,
        }
    )
    return ReportedClient(facts=facts, advice=advise(facts, days=30), reaction=Reaction.NONE)


def report(*clients: ReportedClient, **members: Any) -> UsageReport:
    """A report of 30 days."""
    usual = {
        "made_at": NOW,
        "first_day": TODAY - 30,
        "last_day": TODAY,
        "clients": clients,
        "curve": (),
        "projected_end": None,
        "owners": (),
        "server_ends_at": None,
    }
    return UsageReport(**{**usual, **members})


def text(*clients: ReportedClient, **members: Any) -> str:
    """The sheet's text, with line breaks as spaces."""
    return " ".join(write_sheet(report(*clients, **members), owner="lab", issuer=ISSUER).text.split())


def test_sheet_says_use_dates_way_reason_and_code() -> None:
    """An owner reads what is used, when it ends, what to move to and why, and gets the code."""
    policy = PasswordGrantPolicy(
        announced_at=0,
        ends_at=(TODAY + 100) * DAY,
        brown_outs=(((TODAY + 9) * DAY, (TODAY + 9) * DAY + 7200),),
    )
    sheet = write_sheet(
        report(reported(client=program(password_grant=policy))),
        owner="lab",
        issuer=ISSUER,
        campus="Library",
        help_uri="https://it.library.example/end",
    )
    assert sheet.subject == "Library: 1 of your programs sent Net ID passwords, 2027-01"
    said = " ".join(sheet.text.split())
    assert "Program c1 (c1)" in said
    assert "Use: 1,000 logins with Net ID passwords; 1 user" in said
    assert "from 2027-01-24 00:00 to 2027-01-24 02:00 UTC, as a test" in said
    assert "refused from 2027-04-25 00:00 UTC" in said
    assert "Move to: client credentials Because: One user logs in from one address" in said
    assert "Client credentials, in Python" in said
    assert f"{ISSUER}/oauth/token" in said
    assert "https://it.library.example/end" in said
    assert "netid.campus.example" not in said


def test_lines_of_prose_are_short() -> None:
    """Any mail program shows the sheet; only code has longer lines (RFC 5322, 2.1.1)."""
    long = reported(client=program("c" * 200, client_name="A very long name " * 15))
    lines = write_sheet(report(long), owner="lab", issuer=ISSUER).text.splitlines()
    assert [
        line for line in lines if len(line) > 78 and " " in line.strip() and not line.startswith("    ")
    ] == []
    assert max(map(len, lines)) < 998


def test_code_stands_once_for_programs_of_one_kind() -> None:
    """Ten equal scripts need one piece of code."""
    said = text(*(reported(client=program(f"c{number}")) for number in range(10)))
    assert said.count("Client credentials, in Python") == 1


def test_password_trouble_is_told() -> None:
    """Users whose password has expired cannot see that in the program, so its owner is told."""
    said = text(reported(reasons={"expired": 1200, "must_change": 34, "wrong_password": 5}))
    assert "Password trouble: 1,234 refusals, because" in said
    assert "Password trouble" not in text(reported(reasons={"wrong_password": 5}))


def test_service_accounts_are_told() -> None:
    """The owner reads why client credentials are proposed."""
    said = text(reported(service_accounts=ServiceAccounts.BY_RULES))
    assert "Users: service accounts only" in said


def test_end_of_the_whole_server_is_told() -> None:
    """NETID_PASSWORD_GRANT_ENDS ends every program, also one without a date of its own."""
    ends_at = (TODAY + 200) * DAY
    assert "From 2027-08-03 00:00 UTC this server accepts no Net ID password" in text(
        reported(), server_ends_at=ends_at
    )
    assert "Since 2027-08-03 00:00 UTC" in text(reported(), server_ends_at=ends_at, made_at=ends_at + 1)


def test_unused_program_gets_no_code() -> None:
    """There is nothing to move."""
    sheet = write_sheet(report(reported(logins=0, users=0)), owner="lab", issuer=ISSUER)
    assert sheet.subject.startswith("NetID OAuth: none of your programs sent Net ID passwords")
    assert "Move to: nothing: close it" in sheet.text
    assert "If it is needed: tell the operators of this server now." in " ".join(sheet.text.split())
    assert "grant_type" not in sheet.text


@pytest.mark.parametrize(
    ("policy", "phrases"),
    [
        (PasswordGrantPolicy(), []),
        (
            PasswordGrantPolicy(brown_outs=((0, 1), (NOW + 3600, NOW + 7200))),
            ["Net ID passwords are refused from 2027-01-15 09:00 to 2027-01-15 10:00 UTC, as a test"],
        ),
        (PasswordGrantPolicy(ends_at=NOW), ["Net ID passwords have been refused since 2027-01-15 08:00 UTC"]),
        (PasswordGrantPolicy(off_at=NOW), ["the password grant has been off since 2027-01-15"]),
        (PasswordGrantPolicy(app_passwords="only"), ["only app passwords are accepted"]),
        (PasswordGrantPolicy(app_passwords="off"), ["app passwords are not accepted"]),
        (
            PasswordGrantPolicy(closed_to_new_people_at=0),
            ["it has been closed to new users since 1970-01-01"],
        ),
    ],
)
def test_dates_are_said_as_long_as_they_matter(policy: PasswordGrantPolicy, phrases: list[str]) -> None:
    """A brown-out that is over is left out; an end that has come is said as such."""
    assert list(policy_dates(policy, NOW)) == phrases


def test_earlier_of_two_ends_counts() -> None:
    """A client's own date does not move the end of the whole server, and an earlier one comes before it."""
    for own, server in ((2, 1), (1, 2), (None, 1), (1, None)):
        policy = PasswordGrantPolicy(ends_at=None if own is None else NOW + own * DAY)
        server_ends_at = None if server is None else NOW + server * DAY
        assert list(policy_dates(policy, NOW, server_ends_at)) == [
            "Net ID passwords are refused from 2027-01-16 08:00 UTC"
        ]


def test_each_program_of_the_owner_is_listed() -> None:
    """The sheet is about all of them, also those that moved."""
    moved = replace(reported(client=program("c2"), logins=0, app_password_logins=7))
    said = text(reported(), moved)
    assert "Program c1" in said
    assert "Program c2" in said
    assert "7 with app passwords" in said
