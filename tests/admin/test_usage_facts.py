"""The sums of a client's days."""

import pytest

from admin.usage.facts import DAY, facts_of
from models import ClientUsage
from tests.admin.usage_days import TODAY, program, usage


def detail(**parts: dict[str, int]) -> dict[str, dict[str, int]]:
    """A day's detail."""
    return {"agents": {}, "addresses": {}, "reasons": {}, **parts}


def test_days_of_the_period_are_added_up() -> None:
    """Logins, failures, agents and reasons add up; a day outside the period does not count."""
    days = [
        usage(91, 1000),
        usage(90, 5, detail=detail(agents={"curl": 5}), addresses=2),
        usage(
            1,
            7,
            app_password_logins=4,
            refreshes=2,
            failures=6,
            refusals=3,
            addresses=3,
            detail=detail(
                agents={"curl": 1, "Java": 9}, reasons={"expired": 2, "must_change": 1, "wrong_password": 3}
            ),
        ),
    ]
    facts = facts_of(program(), days, users=2, first_day=TODAY - 90, last_day=TODAY)
    assert (facts.logins, facts.app_password_logins, facts.refreshes) == (12, 4, 2)
    assert (facts.failures, facts.refusals, facts.addresses, facts.users) == (6, 3, 3, 2)
    assert (facts.main_agent, facts.password_trouble, facts.app_password_share) == ("Java", 3, 0.25)
    assert facts.last_at == days[-1].last_at


def test_client_is_new_in_the_period_of_its_registration() -> None:
    """What was registered before the period is not new in it."""
    first = TODAY - 90
    for created_at, is_new in ((first * DAY - 1, False), (first * DAY, True), (TODAY * DAY, True)):
        client = program(created_at=created_at)
        assert facts_of(client, [], users=0, first_day=first, last_day=TODAY).is_new is is_new


def test_addresses_of_many_users_are_counted_and_not_named() -> None:
    """An address of a user's own device tells where a person is; that of a server does not."""
    addresses = {"192.0.2.1": 1, "192.0.2.2": 9, "192.0.2.3": 5, "192.0.2.4": 3}
    few = [usage(1, 9, addresses=3, detail=detail(addresses=addresses))]
    many = [usage(1, 9, addresses=4, detail=detail(addresses=addresses))]
    phone = [usage(1, 9, addresses=1, detail=detail(addresses=addresses, agents={"curl": 8, "iPhone": 1}))]
    found = [
        facts_of(program(), days, users=1, first_day=TODAY - 90, last_day=TODAY).named_addresses
        for days in (few, many, phone)
    ]
    assert found == [("192.0.2.2", "192.0.2.3", "192.0.2.4"), (), ()]


@pytest.mark.parametrize(
    ("days", "trend"),
    [
        ([], "unused"),
        ([usage(80, 5)], "stopped"),
        ([usage(3, 5)], "new"),
        ([usage(80, 10), usage(3, 12)], "steady"),
        ([usage(80, 10), usage(3, 13)], "rising"),
        ([usage(80, 10), usage(3, 7)], "falling"),
    ],
)
def test_trend_compares_the_halves_of_the_period(days: list[ClientUsage], trend: str) -> None:
    """A fifth more or less is steady."""
    assert facts_of(program(), days, users=1, first_day=TODAY - 90, last_day=TODAY).trend == trend
