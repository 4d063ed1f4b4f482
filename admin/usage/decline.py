"""How the use of Net ID passwords declines: a curve by week, and where it leads.

Owns: the curve, and the projection from it. Must not know: single clients' facts, and how a curve is drawn.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import ceil
from statistics import median
from typing import NamedTuple

from models import ClientUsage

_WEEK = 7
_PROJECTED_FROM = 13
"""The weeks that the projection looks at: a quarter, since old habits say little about the end."""
_FEWEST_WEEKS = 4
_FARTHEST = 520
"""A projection that leads farther than ten years is none."""


class Week(NamedTuple):
    """One week of the curve.

    Args:
        first_day: its first day, in days since the epoch.
        clients: how many clients logged in with a Net ID password.
        app_password_clients: how many clients logged in with app passwords alone.
        logins: tokens given for a Net ID password.
        app_password_logins: tokens given for an app password.
    """

    first_day: int
    clients: int
    app_password_clients: int
    logins: int
    app_password_logins: int


def curve_of(days: Iterable[ClientUsage], *, today: int) -> Sequence[Week]:
    """Add up all clients' days to whole weeks, until yesterday.

    Args:
        days: the usage of all clients.
        today: in days since the epoch. It is not over, so it does not count.
    """
    weeks: defaultdict[int, list[ClientUsage]] = defaultdict(list)
    for row in days:
        if row.day < today and (row.logins or row.app_password_logins):
            weeks[(today - 1 - row.day) // _WEEK].append(row)
    if len(weeks) > 1:
        # The server began to count within the first week, which is not whole.
        del weeks[max(weeks)]
    if not weeks:
        return ()
    return tuple(_week(weeks.get(back, []), today - _WEEK * (back + 1)) for back in range(max(weeks), -1, -1))


def projected_end(curve: Sequence[Week]) -> int | None:
    """The day on which the last client stops, if the last weeks go on; None if they show no decline.

    The slope is the median of all slopes between two weeks (Theil and Sen), which one odd week does not move.

    Args:
        curve: from `curve_of`.

    Returns:
        The day, in days since the epoch. It is in the past if the last whole week had no client.
    """
    recent = curve[-_PROJECTED_FROM:]
    if not recent:
        return None
    if not recent[-1].clients:
        return _first_day_without(curve)
    if len(recent) < _FEWEST_WEEKS:
        return None
    points = [(number, week.clients) for number, week in enumerate(recent)]
    slope = median((later - earlier) / (b - a) for (a, earlier), (b, later) in combinations(points, 2))
    if slope >= 0:
        return None
    level = median(clients - slope * number for number, clients in points) + slope * points[-1][0]
    weeks = ceil(max(level, 1) / -slope)
    return recent[-1].first_day + _WEEK * (1 + weeks) if weeks <= _FARTHEST else None


def _week(rows: Sequence[ClientUsage], first_day: int) -> Week:
    by_password = {row.client_id for row in rows if row.logins}
    by_app_password = {row.client_id for row in rows if row.app_password_logins}
    return Week(
        first_day,
        len(by_password),
        len(by_app_password - by_password),
        sum(row.logins for row in rows),
        sum(row.app_password_logins for row in rows),
    )


def _first_day_without(curve: Sequence[Week]) -> int:
    used = [week for week in curve if week.clients]
    return used[-1].first_day + _WEEK if used else curve[0].first_day
