"""The curve by week, and where it leads."""

import pytest

from admin.usage.decline import Week, curve_of, projected_end
from tests.admin.usage_days import TODAY, usage


def falling(*clients: int) -> list[Week]:
    """Whole weeks with these numbers of clients, the last one until yesterday."""
    first = TODAY - 7 * len(clients)
    return [Week(first + 7 * number, count, 0, count, 0) for number, count in enumerate(clients)]


def test_weeks_are_whole_and_end_yesterday() -> None:
    """Today is not over, and the week in which counting began is not whole: neither would be a decline."""
    days = [usage(ago, 10) for ago in range(17)]
    assert curve_of(days, today=TODAY) == (
        Week(TODAY - 14, 1, 0, 70, 0),
        Week(TODAY - 7, 1, 0, 70, 0),
    )


def test_week_counts_clients_once_and_those_with_app_passwords_alone_apart() -> None:
    """A client that still sends one Net ID password a week has not moved."""
    days = [
        usage(1, 1, "a", app_password_logins=90),
        usage(2, 1, "a"),
        usage(1, 0, "b", app_password_logins=3),
        usage(1, 0, "c", failures=8),
    ]
    assert curve_of(days, today=TODAY) == (Week(TODAY - 7, 1, 1, 2, 93),)


def test_week_without_use_is_in_the_curve() -> None:
    """A gap is a week with no client, and not a missing week."""
    days = [usage(1, 1), usage(20, 1), usage(24, 1)]
    assert [week.clients for week in curve_of(days, today=TODAY)] == [1, 0, 1]


def test_nothing_is_a_curve_of_no_week() -> None:
    """A server on which nobody used a password yet has neither curve nor end."""
    assert curve_of([], today=TODAY) == ()
    assert curve_of([usage(0, 5)], today=TODAY) == ()
    assert projected_end([]) is None


def test_end_lies_where_the_line_meets_zero() -> None:
    """Ten clients less a week: the last ten need one week more."""
    assert projected_end(falling(50, 40, 30, 20)) == TODAY + 14
    assert projected_end(falling(50, 40, 30, 20, 10)) == TODAY + 7


def test_one_odd_week_does_not_move_the_end() -> None:
    """A vacation week halves the use, and does not bring the end near."""
    usual = projected_end(falling(*range(130, 0, -10)))
    odd = projected_end(falling(*[130, 120, 110, 100, 90, 80, 5, 60, 50, 40, 30, 20, 10]))
    assert usual is not None
    assert odd is not None
    assert abs(usual - odd) <= 7


@pytest.mark.parametrize(
    "clients", [(9, 9, 9, 9), (1, 2, 3, 4), (5, 4, 3), (10_000, 10_000, 10_000, 9_999, 9_999, 9_998)]
)
def test_no_end_is_in_sight(clients: tuple[int, ...]) -> None:
    """No decline, too few weeks, or an end farther than ten years is no projection."""
    assert projected_end(falling(*clients)) is None


def test_last_weeks_count_and_not_the_years_before() -> None:
    """What fell for a year and stands still now has no end in sight."""
    assert projected_end(falling(*range(100, 20, -2), *[20] * 13)) is None


def test_end_that_is_reached_is_the_first_week_without_a_client() -> None:
    """After the last client moved, the report says when that was."""
    assert projected_end(falling(3, 1, 0, 0)) == TODAY - 14
