"""What a worker does beside its requests: it counts usage, and ends app passwords that are due."""

import json
from collections.abc import Iterator

import pytest

from models import usage_of
from models.housekeeping import SECONDS, Housekeeping
from telemetry import open_log
from tests.conftest import Clock, Site
from tests.faults import without_table
from tests.models.app_password_rules import found, issue, made
from tests.models.stores import Stores
from tests.models.usage_rules import DAY, happened


@pytest.fixture
def stores(site: Site, clock: Clock) -> Iterator[Stores]:
    """The stores of a site on SQLite."""
    with site.app.app_context():
        yield Stores(site, clock)


def housekeeping(stores: Stores) -> Housekeeping:
    """The housekeeping of the site. Its lines go to the site's log."""
    return Housekeeping(stores.clock, open_log(stores.site.log), stores.site.app.app_context)


def lines(stores: Stores) -> list[dict[str, object]]:
    """The lines of the log."""
    return [json.loads(line) for line in stores.site.log.getvalue().splitlines()]


class Rounds:
    """Waits as often as a test says."""

    def __init__(self, rounds: int) -> None:
        self.pauses: list[float] = []
        self._rounds = rounds

    def __call__(self, seconds: float) -> bool:
        """Note the pause; True after the last round."""
        self.pauses.append(seconds)
        return len(self.pauses) > self._rounds


def test_usage_is_counted_every_five_minutes(stores: Stores) -> None:
    """The first round comes soon after the start, each other five minutes after the one before."""
    rounds = Rounds(3)
    happened(stores)
    housekeeping(stores).run(rounds)
    assert 0 < rounds.pauses[0] < SECONDS == 300
    assert rounds.pauses[1:] == [SECONDS] * 3
    assert [each.logins for each in usage_of(stores.now // DAY, stores.now // DAY + 1)] == [1]


def test_due_app_passwords_end_and_are_logged(stores: Stores) -> None:
    """An expired app password ends with its tokens, without any request."""
    new = made(stores)
    issued = issue(stores, new, access_ttl=400 * DAY)
    stores.clock.now += 180 * DAY
    housekeeping(stores).do_round()
    assert found(stores, new).end_reason == "expired"
    assert not stores.lives(issued)
    (line,) = [line for line in lines(stores) if line["event"] == "app_password.ended"]
    assert (line["app_password_id"], line["reason"]) == (new.id.hex(), "expired")


def test_failures_do_not_end_the_thread(stores: Stores) -> None:
    """While the database is away, one line says so, and the work is done once it is back."""
    happened(stores)
    keeping = housekeeping(stores)
    with without_table(stores.site, "app_password"):
        keeping.run(Rounds(3))
    assert [line["event"] for line in lines(stores)] == ["database.unavailable"]
    keeping.run(Rounds(1))
    assert len(usage_of(0, 30_000)) == 1


def test_unexpected_failure_does_not_end_the_thread(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a round raises is logged, and the next round comes."""
    keeping = housekeeping(stores)
    calls: list[None] = []

    def fails() -> None:
        calls.append(None)
        raise RuntimeError("a secret")

    monkeypatch.setattr(keeping, "do_round", fails)
    keeping.run(Rounds(2))
    assert len(calls) == 2
    assert [line["event"] for line in lines(stores)] == ["unexpected"] * 2
    assert "a secret" not in stores.site.log.getvalue()
