"""A simulated campus follows docs/way-out.md on a virtual clock, and nobody is surprised."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.campus.book import BROWN_OUT, CLOSED, ENDED, NET_ID, Book
from bench.campus.life import Campus
from bench.campus.picture import decline
from bench.campus.plan import Plan
from bench.campus.programs import FIXED, Habit, population
from bench.campus.proof import broken_promises, reported_weeks
from bench.campus.server import DAY, Answer

pytestmark = pytest.mark.slow

FEW, ALL = 30, 300


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(FEW, id="30 programs"),
        pytest.param(ALL, id="300 programs", marks=pytest.mark.exhaustive),
    ],
)
def campus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    """A campus after its 18 months."""
    made = Campus(tmp_path_factory.mktemp("campus"), request.param)
    with made.server:
        made.live()
        yield made


def test_campus_leaves_the_password_grant_and_nobody_is_surprised(campus: Campus) -> None:
    """No unannounced failure and no lockout; the audit has each step, and the report is the campus's book."""
    assert broken_promises(campus) == []


def test_campus_goes_from_all_programs_to_none(campus: Campus) -> None:
    """Before the plan every program in use sends Net ID passwords; at the end none does."""
    clients = [week["clients"] for week in reported_weeks(campus)]
    weekly = [
        each
        for each in campus.programs
        if each.habit is not Habit.UNUSED and not each.term_weeks and not each.kind.refreshes
    ]
    assert min(clients[:10]) >= len(weekly)
    assert clients[-4:] == [0, 0, 0, 0]


def test_app_passwords_carry_what_cannot_be_changed(campus: Campus) -> None:
    """At the end only the programs that cannot be changed are left, with app passwords alone."""
    assert [week["app_password_clients"] for week in reported_weeks(campus)[-4:]] == [FIXED] * 4


def test_picture_shows_the_decline(campus: Campus) -> None:
    """The picture begins at 100 % and ends at 0 %."""
    rows = decline(campus, reported_weeks(campus)).splitlines()[1:]
    assert " 100% " in rows[0]
    assert "  0% " in rows[-1]


def test_campus_without_sheets_is_surprised(tmp_path: Path) -> None:
    """Without the monthly sheet the same campus has unannounced failures: the book would tell."""
    plan = Plan.read()
    silent = [
        each._replace(commands=[words for words in each.commands if "--mail" not in words])
        for each in plan.sections
    ]
    campus = Campus(tmp_path, 12, plan=plan._replace(sections=silent))
    with campus.server:
        campus.live(until=10)
        assert campus.book.unannounced


CLIENT = "campus-0001"
AT = 1_800_000_000
SHEET = """\
To: owner@campus.example
Subject: a sheet
Content-Type: text/plain; charset="utf-8"

You are registered as the owner of the programs below.

Grade export (campus-0001)
--------------------------
Use: 5 logins with Net ID passwords; 1 user; steady
Dates: {dates}
Move to: device grant
"""
SENTENCES = {
    ENDED: "This program may no longer log in with Net ID passwords.",
    CLOSED: "This program may no longer use the password grant.",
    BROWN_OUT: "Net ID passwords are refused for some hours, because this program must stop using them.",
}


def refusal(cause: str) -> Answer:
    """A refusal by the policy."""
    return Answer(400, "unauthorized_client", SENTENCES[cause], "https://it.campus.example", None, 0)


# AT is 2027-01-15 08:00 UTC.
END, OTHER_DAY = (
    "Net ID passwords are refused from 2027-01-15 00:00 UTC",
    "Net ID passwords are refused from\n  2027-06-01 00:00 UTC",
)
OUTAGE = "Net ID passwords are refused from 2027-01-15\n  07:00 to 2027-01-15 09:00 UTC, as a test"
LATER_OUTAGE = "Net ID passwords are refused from 2027-02-15 07:00 to 2027-02-15 09:00 UTC, as a test"


@pytest.mark.parametrize(
    ("dates", "days", "cause", "is_announced"),
    [
        (END, 14, ENDED, True),
        (END, 13, ENDED, False),
        (OTHER_DAY, 100, ENDED, False),
        (OUTAGE, 14, BROWN_OUT, True),
        (OUTAGE, 13, BROWN_OUT, False),
        (LATER_OUTAGE, 100, BROWN_OUT, False),
        (END, 100, BROWN_OUT, False),
        (OUTAGE, 100, ENDED, False),
        ("the password grant has been off since 2027-01-01", 14, CLOSED, True),
        (OTHER_DAY, 100, CLOSED, False),
    ],
)
def test_failure_is_announced_only_by_a_sheet_that_names_it(
    dates: str, days: int, cause: str, *, is_announced: bool
) -> None:
    """A failure is announced if a sheet named that date 14 days before, and not by any other sheet."""
    book = Book()
    assert book.note_sheet(SHEET.format(dates=dates), AT - days * DAY) == [CLIENT]
    assert book.note_refusal(CLIENT, refusal(cause), AT).is_announced is is_announced


def test_wrong_password_is_never_announced() -> None:
    """A right password that is called wrong is a surprise, whatever a sheet said."""
    book = Book()
    book.note_sheet(SHEET.format(dates=END), AT - 100 * DAY)
    wrong = Answer(400, "invalid_grant", "The Net ID or the password is wrong.", None, None, 1)
    assert not book.note_refusal(CLIENT, wrong, AT).is_announced
    assert [each.client_id for each in book.unannounced] == [CLIENT]


def test_header_announces_the_end_to_a_program_that_logs_it() -> None:
    """The header Sunset counts like a sheet that names the end (RFC 8594)."""
    book = Book()
    assert book.note_header(CLIENT, "Fri, 15 Jan 2027 00:00:00 GMT", AT - 14 * DAY)
    assert not book.note_header(CLIENT, "Fri, 15 Jan 2027 00:00:00 GMT", AT)
    assert book.note_refusal(CLIENT, refusal(ENDED), AT).is_announced
    assert not book.note_refusal(CLIENT, refusal(BROWN_OUT), AT).is_announced


def test_book_counts_logins_by_day_and_kind() -> None:
    """A login is noted on its day in UTC."""
    book = Book()
    book.note_login(CLIENT, NET_ID, Answer(200, None, None, None, None, 1), AT)
    assert book.logins == {(AT // DAY, CLIENT, NET_ID): 1}


def test_plan_is_that_of_the_page() -> None:
    """The plan has the page's first Monday, its weeks and the commands in them."""
    plan = Plan.read()
    assert plan.begins_at == 1_800_230_400  # Monday, 18 January 2027
    weeks = [each.week for each in plan.sections]
    assert weeks[:2] == [0, 1]
    assert None in weeks
    assert plan.command("password-grant", "close-unused", "--reason")[2:4] == ("--days", "90")


def test_population_is_the_campus_of_the_plan() -> None:
    """It has owners, every habit, the clients that the page names, and five that cannot be changed."""
    programs = population(ALL, random.Random(1))  # noqa: S311 - no secret
    assert len(programs) == ALL
    assert {each.habit for each in programs} == set(Habit)
    assert sum(each.habit is Habit.CANNOT_CHANGE for each in programs) == FIXED
    assert {"Grade export", "Mail server", "Old printer"} <= {each.name for each in programs}
    sizes = sorted((each.size for each in programs), reverse=True)
    assert sum(sizes[:30]) > sum(sizes) / 2
