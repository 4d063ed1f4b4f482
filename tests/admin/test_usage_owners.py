"""Which owners have reacted to the date of their programs."""

from typing import Any

import pytest

from admin.usage.facts import facts_of
from admin.usage.owners import Reaction, owners_of, reaction
from models import Client, ClientUsage
from tests.admin.usage_days import DAY, NOW, TODAY, announced, program, usage


def facts(client: Client, days: list[ClientUsage]) -> Any:
    """The facts of 90 days."""
    return facts_of(client, days, users=1, first_day=TODAY - 90, last_day=TODAY)


def reacted(client: Client, days: list[ClientUsage]) -> Reaction:
    """What the owner did."""
    return reaction(facts(client, days), days, NOW)


def daily(first: int, last: int, logins: int, **members: Any) -> list[ClientUsage]:
    """The same day again and again, from `first` to `last` days ago."""
    return [usage(ago, logins, **members) for ago in range(first, last - 1, -1)]


def test_owner_without_a_date_was_told_nothing() -> None:
    """Only a date that was announced asks for a reaction."""
    assert reacted(program(), daily(80, 0, 5)) == Reaction.NOT_TOLD


@pytest.mark.parametrize(
    ("told_ago", "now_daily", "expected"),
    [
        (40, 100, Reaction.NONE),
        (40, 85, Reaction.NONE),
        (40, 70, Reaction.BEGUN),
        (40, 0, Reaction.DONE),
        (10, 100, Reaction.JUST_TOLD),
        (14, 100, Reaction.NONE),
    ],
)
def test_logins_since_the_announcement_say_what_the_owner_did(
    told_ago: int, now_daily: int, expected: Reaction
) -> None:
    """A fifth less than before is a beginning; after two weeks without one, the owner has not reacted."""
    client = program(password_grant=announced(told_ago))
    days = daily(80, told_ago + 1, 100) + daily(told_ago, 0, now_daily)
    assert reacted(client, days) == expected


def test_app_password_is_a_reaction() -> None:
    """Whoever made an app password after the announcement has begun."""
    client = program(password_grant=announced(40))
    assert reacted(client, [*daily(80, 0, 100), usage(3, app_password_logins=1)]) == Reaction.BEGUN
    assert reacted(client, [*daily(80, 0, 100), usage(60, app_password_logins=1)]) == Reaction.NONE


def test_program_that_lives_on_its_refresh_token_is_not_done() -> None:
    """Its tokens began with a Net ID password, and end with it."""
    client = program(password_grant=announced(40))
    assert reacted(client, daily(80, 41, 100) + daily(40, 0, 0, refreshes=9)) != Reaction.DONE
    moved = daily(80, 41, 100) + daily(40, 0, 0, refreshes=9, app_password_logins=1)
    assert reacted(client, moved) == Reaction.DONE


def test_owners_who_wait_the_longest_come_first() -> None:
    """Programs of one owner count together, in any spelling; those who moved are not listed."""
    clients = {
        "a": program("a", owner="Lab@campus.example", password_grant=announced(30)),
        "b": program("b", owner=" lab@campus.example", password_grant=announced(60)),
        "c": program("c", owner="library", password_grant=announced(90)),
        "d": program("d", owner="registrar"),
        "e": program("e", owner="gone", password_grant=announced(50)),
        "f": program("f"),
    }
    days = {
        name: daily(120, 60 if name == "e" else 0, 1 + number, client_id=name)
        for number, name in enumerate(clients)
    }
    listed = owners_of(
        (facts(client, days[name]), reacted(client, days[name])) for name, client in clients.items()
    )
    assert [each.owner for each in listed] == ["library", "Lab@campus.example", None, "registrar"]
    lab = listed[1]
    assert (lab.clients, lab.waiting, lab.not_told, lab.told_at) == (2, 2, 0, (TODAY - 60) * DAY)
    assert (listed[2].clients, listed[2].waiting, listed[2].not_told, listed[2].told_at) == (1, 0, 1, None)
