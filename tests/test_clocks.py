"""Nodes whose clocks differ, and clocks that are set back: no family dies, and nothing dead lives again."""

import json
import time
from collections.abc import Callable, Iterator

import pytest
from flask_migrate import upgrade

from models import RefusalLedger, ServerClock, clock_of_the_database, db
from telemetry import AuditEvent
from tests.conftest import NOON, Clock, Registered, Site
from tests.faults import rows
from tests.servers.postgresql import Postgresql

MINUTES, DAY = 5 * 60, 86_400

MakeSite = Callable[..., Site]


def ahead() -> float:
    """A machine's clock that is five minutes ahead."""
    return time.time() + MINUTES


@pytest.fixture
def nodes(postgresql: Postgresql, make_site: MakeSite) -> Iterator[list[Site]]:
    """Two nodes of one PostgreSQL, one of them five minutes ahead."""
    url = postgresql.create_database("clocks")
    try:
        made = [make_site(by=ServerClock(wall=wall), NETID_DATABASE_URL=url) for wall in (time.time, ahead)]
        with made[0].app.app_context():
            upgrade()
        yield made
        for each in made:
            with each.app.app_context():
                db.engine.dispose()
    finally:
        postgresql.drop_database("clocks")


@pytest.mark.parametrize("first", [0, 1])
def test_lost_answer_at_another_node(nodes: list[Site], first: int) -> None:
    """Who repeats a refresh at a node five minutes ahead, or behind, is given the same successor."""
    one, other = nodes[first], nodes[1 - first]
    client = one.register("a program", "--grant", "refresh_token")
    issued = one.ask_token(client).get_json()
    answers = [node.refresh(client, issued["refresh_token"]) for node in (one, other, one)]
    assert [each.status_code for each in answers] == [200] * 3
    successors = {each.get_json()["refresh_token"] for each in answers}
    assert len(successors) == 1
    assert other.refresh(client, successors.pop()).status_code == 200


def test_row_from_before_the_database_is_no_mark(postgresql: Postgresql, make_site: MakeSite) -> None:
    """What a node with a wrong clock noted while its database was away makes no later process run ahead."""
    url = postgresql.create_database("away")
    try:
        node = make_site(by=ServerClock(wall=time.time), NETID_DATABASE_URL=url)
        with node.app.app_context():
            upgrade()
            # As a worker starts while the database is away: it has its own machine's clock alone.
            wrong = ServerClock(wall=ahead)
            ledger = RefusalLedger(wrong)
            ledger.add(AuditEvent(event="directory.server_down", at=int(wrong()), reason="ldaps://one"))
            wrong.opened(db.engine.raw_connection().driver_connection)
            ledger.write()
            _, mark = clock_of_the_database()
            assert mark == pytest.approx(time.time(), abs=5)
            db.engine.dispose()
    finally:
        postgresql.drop_database("away")


def test_token_is_good_at_once_at_every_node(nodes: list[Site]) -> None:
    """What a node has issued has the same beginning and end for all, to a second."""
    for one, other in (nodes, nodes[::-1]):
        client = one.register("a program")
        token = one.token(client)
        told = json.loads(other.post("/introspect", client, token=token).data)
        assert told["active"]
        assert abs(told["nbf"] - time.time()) < 5
        assert told["exp"] - told["iat"] == 3600
        assert other.get("/api/me", token).status_code == 200


class Machine:
    """A machine with SQLite, whose clock can be set, and whose server can be started again."""

    def __init__(self, make_site: MakeSite) -> None:
        self._make_site = make_site
        self.wall, self._monotonic = Clock(NOON), Clock(1000)
        self.site = make_site(by=self._clock())

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.wall.now += seconds
        self._monotonic.now += seconds

    def restart(self) -> None:
        """Start a second server over the same instance folder."""
        with self.site.app.app_context():
            db.engine.dispose()
        self.site = self._make_site(by=self._clock(), NETID_INSTANCE_PATH=self.site.app.instance_path)

    def _clock(self) -> ServerClock:
        return ServerClock(wall=self.wall, monotonic=self._monotonic)

    def is_good(self, token: str) -> bool:
        """Whether a resource accepts a token."""
        return self.site.get("/api/me", token).status_code == 200


@pytest.fixture
def machine(make_site: MakeSite) -> Machine:
    """A machine whose clock is right."""
    return Machine(make_site)


def expired(machine: Machine) -> tuple[Registered, str]:
    """A client and its token, which has expired, and after which something was written."""
    client = machine.site.register("a program", "--grant", "refresh_token")
    token = machine.site.token(client)
    assert machine.is_good(token)
    machine.passes(3601)
    assert not machine.is_good(token)
    machine.site.token(client)
    return client, token


def test_step_back_revives_nothing(machine: Machine) -> None:
    """A token that has expired stays so when the clock of the machine is set back by a day."""
    _, token = expired(machine)
    machine.wall.now -= DAY
    machine.passes(11)
    assert not machine.is_good(token)
    assert [line["event"] for line in machine.site.log_lines() if line.get("alarm")] == ["clock.behind"]


def test_step_back_while_the_server_is_down(machine: Machine) -> None:
    """Nor does it live again when the clock is set back between an end and a start; new ones are good."""
    client, token = expired(machine)
    machine.wall.now -= DAY
    machine.restart()
    assert not machine.is_good(token)
    assert machine.is_good(machine.site.token(client))
    assert "clock.behind" in {line["event"] for line in machine.site.log_lines()}


def test_lost_answer_after_a_step(machine: Machine) -> None:
    """The replay window is not moved by a step of the clock, back or small."""
    client = machine.site.register("a program", "--grant", "refresh_token")
    token = machine.site.ask_token(client).get_json()["refresh_token"]
    first = machine.site.refresh(client, token).get_json()["refresh_token"]
    machine.wall.now -= MINUTES
    machine.passes(3)
    assert machine.site.refresh(client, token).get_json()["refresh_token"] == first


def test_wrong_clock_and_the_way_back(machine: Machine) -> None:
    """A clock that was a day ahead is reported. Once it is correct, an operator accepts it."""
    client = machine.site.register()
    machine.wall.now += DAY
    machine.passes(11)
    machine.site.token(client)
    machine.passes(61)
    machine.site.ask_token(client, password="wrong")
    assert "clock.jumped" in {row["event"] for row in rows(machine.site, "audit_event")}
    machine.wall.now -= DAY
    machine.restart()
    told = json.loads(machine.site.run("clock", "show", "--json"))
    assert told["ahead_seconds"] > DAY - 100
    machine.site.run("clock", "accept", "--yes")
    machine.restart()
    assert json.loads(machine.site.run("clock", "show", "--json"))["ahead_seconds"] == 0
    (row,) = (row for row in rows(machine.site, "audit_event") if row["event"] == "clock.accepted")
    assert row["at"] == int(machine.wall())
