"""The decline of Net ID passwords, drawn in a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bench.campus.life import Campus
from bench.campus.proof import Weeks
from bench.campus.server import WEEK

_ROW_WEEKS = 2
_WIDTH = 50


def decline(campus: Campus, weeks: Weeks) -> str:
    """Draw a bar for each second week: the share of programs that still send Net ID passwords.

    The first weeks are 100 %. A program that is used once a term adds nothing to them when it comes back.

    Args:
        campus: the campus, whose steps stand beside the bars.
        weeks: the curve of the report.
    """
    most = max(week["clients"] for week in weeks[:_ROW_WEEKS])
    lines = ["week  begins      programs that send Net ID passwords"]
    for number in range(0, len(weeks), _ROW_WEEKS):
        row = weeks[number : number + _ROW_WEEKS]
        share = min(1.0, max(week["clients"] for week in row) / most)
        begin = row[0]["from"]
        label = f"{(begin - campus.plan.begins_at) // WEEK:4d}  {_day(begin)}  {share:4.0%} "
        steps = ", ".join(dict.fromkeys(_steps(campus, begin, begin + _ROW_WEEKS * WEEK)))
        lines.append(f"{label}{'█' * round(share * _WIDTH)}{f'  {steps}' if steps else ''}")
    return "\n".join(lines)


def summary(campus: Campus) -> Mapping[str, object]:
    """The figures of a campus, by what they count."""
    causes = Counter(each.cause for each in campus.book.failures)
    return {
        "programs": len(campus.programs),
        "logins": f"{sum(campus.book.logins.values()):,}",
        "refreshed tokens": f"{campus.book.refreshes:,}",
        "commands that changed something": len(campus.operator.steps),
        "refused logins of programs": ", ".join(
            f"{cause} {number}" for cause, number in sorted(causes.items())
        ),
        "of these unannounced": len(campus.book.unannounced),
        "mistyped passwords": campus.book.mistyped,
        "binds": f"{campus.server.directory.binds:,}",
        "binds for refused logins and app passwords": campus.book.binds_of_refusals
        + campus.book.binds_of_app_passwords,
        "accounts locked by the directory": campus.server.directory.lockouts,
    }


def _steps(campus: Campus, begin: int, end: int) -> Iterator[str]:
    """What began in these weeks, in short."""
    for at, command in campus.operator.steps:
        if begin <= at < end:
            if "--all" in command and "--ends" in command:
                yield "end announced"
            elif "--closed-to-new-people" in command:
                yield "closed to new people"
            elif "close-unused" in command:
                yield "unused closed"
    for start, stop in campus.operator.outages:
        if begin <= start < end:
            yield f"brown-out of {(stop - start) // 3600} h"
    ends = dict.fromkeys(campus.operator.agreed_ends.values(), "an agreed end")
    if campus.operator.general_end is not None:
        ends[campus.operator.general_end] = "the end"
    yield from (what for at, what in ends.items() if begin <= at < end)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
