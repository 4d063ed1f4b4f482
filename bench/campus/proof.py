"""What must be true of a campus that has left the password grant, and what the report says of the way.

Owns: the comparison of the campus's own book with the server's report. Must not know: how either came about.
"""

from collections.abc import Iterator, Mapping, Sequence

from bench.campus.book import APP, BROWN_OUT, CLOSED, ENDED, NET_ID
from bench.campus.life import Campus
from bench.campus.programs import Habit
from bench.campus.server import DAY

_WEEK_DAYS = 7
_LAST_WEEKS = 4
"""In these weeks, programs that cannot be changed log users in, and nobody sends a Net ID password."""
_OFF = "password_grant_off"
Weeks = Sequence[Mapping[str, int]]


def reported_weeks(campus: Campus) -> Weeks:
    """The curve of the documented report, as JSON: an object for each week."""
    words = campus.report_command
    found: Weeks = campus.server.read(*words[: words.index("--format")])["weeks"]
    return found


def broken_promises(campus: Campus) -> Sequence[str]:
    """What is not as it must be at the end, a sentence each. It is empty if the way out works.

    Args:
        campus: after its 18 months.
    """
    return [*_surprises(campus), *_locks(campus), *_left(campus), *_audit(campus), *_curve(campus)]


def _surprises(campus: Campus) -> Iterator[str]:
    programs = {each.client_id: each for each in campus.programs}
    for each in campus.book.unannounced:
        told = "never" if each.told_at is None else f"{(each.at - each.told_at) / DAY:.1f} days before"
        program = programs[each.client_id]
        yield f"{program.name} ({program.habit}) failed ({each.cause}), and was told {told}."
    seen = {each.cause for each in campus.book.failures}
    for cause in sorted({BROWN_OUT, ENDED, CLOSED} - seen):
        yield f"No program failed by this cause, so nothing is proved about it: {cause}."
    if not campus.book.refreshes:
        yield "No program refreshed a token, so nothing is proved about refreshing."
    if campus.book.without_link:
        yield f"{campus.book.without_link} refusals named no page of the campus."


def _locks(campus: Campus) -> Iterator[str]:
    if campus.server.directory.lockouts:
        yield f"The directory locked {campus.server.directory.lockouts} accounts."
    if campus.book.binds_of_refusals:
        yield f"The directory saw {campus.book.binds_of_refusals} binds of logins that a policy refused."
    if campus.book.binds_of_app_passwords:
        yield f"The directory saw {campus.book.binds_of_app_passwords} binds of app passwords."
    if not campus.book.mistyped:
        yield "Nobody mistyped a password, so nothing is proved about locks."


def _left(campus: Campus) -> Iterator[str]:
    """Programs that still use Net ID passwords, or do not work."""
    last_day = max(day for day, _, _ in campus.book.logins)
    late = {key for key in campus.book.logins if key[0] > last_day - _LAST_WEEKS * _WEEK_DAYS}
    for _, client_id, kind in sorted(late):
        if kind == NET_ID:
            yield f"{client_id} still logs in with Net ID passwords."
    working = {client_id for _, client_id, kind in late if kind == APP}
    states = {
        each["client_id"]: each["state"]
        for each in campus.server.read(*campus.plan.command("password-grant", "status"))["items"]
    }
    for program in campus.programs:
        if program.habit is Habit.CANNOT_CHANGE:
            if program.client_id not in working:
                yield f"{program.name} cannot be changed, and does not work with app passwords."
        elif states.get(program.client_id, _OFF) != _OFF:
            yield f"{program.name} still has the password grant: {states[program.client_id]}."
    if any(answer.status != 200 for answer in campus.logins_after_moves):
        yield "A program that moved to client credentials got no token."


def _audit(campus: Campus) -> Iterator[str]:
    for command in campus.operator.steps_not_audited:
        yield f"The audit lacks a change by: flask {command}"


def _curve(campus: Campus) -> Iterator[str]:
    """Where the report's curve differs from the campus's own book."""
    weeks = reported_weeks(campus)
    today = campus.clock.now // DAY
    first = today - _WEEK_DAYS * len(weeks)
    noted = {day for day, _, _ in campus.book.logins if day < today}
    if not first <= min(noted) + _WEEK_DAYS:
        yield "The report's curve does not reach back to the first login."
    for number, week in enumerate(weeks):
        begin = first + number * _WEEK_DAYS
        own = own_week(campus, begin)
        if dict(week) != own:
            yield f"In the week of day {begin} the report has {dict(week)}, and the campus's book {own}."


def own_week(campus: Campus, begin: int) -> Mapping[str, int]:
    """A week of the campus's own book, under the names of the report.

    Args:
        campus: the campus.
        begin: the first day, in days since the epoch.
    """
    days = range(begin, begin + _WEEK_DAYS)
    noted = [(key, logins) for key, logins in campus.book.logins.items() if key[0] in days]
    clients = {client_id for (_, client_id, kind), _ in noted if kind == NET_ID}
    with_app_passwords = {client_id for (_, client_id, kind), _ in noted if kind == APP}
    return {
        "from": begin * DAY,
        "clients": len(clients),
        "app_password_clients": len(with_app_passwords - clients),
        "logins": sum(logins for (_, _, kind), logins in noted if kind == NET_ID),
        "app_password_logins": sum(logins for (_, _, kind), logins in noted if kind == APP),
    }
