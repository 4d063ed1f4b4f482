"""Nodes with different clocks, and clocks that go back: no family dies, and no expired token revives."""

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
def test_replay_at_a_node_with_another_clock_gets_the_same_token(nodes: list[Site], first: int) -> None:
    """A replay at a node five minutes ahead or behind gets the same successor."""
    one, other = nodes[first], nodes[1 - first]
    client = one.register("a program", "--grant", "refresh_token")
    issued = one.ask_token(client).get_json()
    answers = [node.refresh(client, issued["refresh_token"]) for node in (one, other, one)]
    assert [each.status_code for each in answers] == [200] * 3
    successors = {each.get_json()["refresh_token"] for each in answers}
    assert len(successors) == 1
    assert other.refresh(client, successors.pop()).status_code == 200


def test_audit_row_of_a_wrong_clock_moves_no_later_clock(postgresql: Postgresql, make_site: MakeSite) -> None:
    """Audit rows of a node with a wrong clock, from an outage, do not make a later process run ahead."""
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
    """All nodes see the same start and end of a token, to a second."""
    for one, other in (nodes, nodes[::-1]):
        client = one.register("a program")
        token = one.token(client)
        answer = json.loads(other.post("/introspect", client, token=token).data)
        assert answer["active"]
        assert abs(answer["nbf"] - time.time()) < 5
        assert answer["exp"] - answer["iat"] == 3600
        assert other.get("/api/me", token).status_code == 200


class Machine:
    """A machine with SQLite, a settable clock, and a server that can be restarted."""

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
    """A client with an expired token, and a row that was written after its end."""
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


def test_step_back_between_two_runs_revives_nothing(machine: Machine) -> None:
    """A clock set back between two runs revives no expired token; new tokens are valid."""
    client, token = expired(machine)
    machine.wall.now -= DAY
    machine.restart()
    assert not machine.is_good(token)
    assert machine.is_good(machine.site.token(client))
    assert "clock.behind" in {line["event"] for line in machine.site.log_lines()}


def test_step_of_the_clock_keeps_the_replay_window(machine: Machine) -> None:
    """A step of the clock back, or a small step, does not move the replay window."""
    client = machine.site.register("a program", "--grant", "refresh_token")
    token = machine.site.ask_token(client).get_json()["refresh_token"]
    first = machine.site.refresh(client, token).get_json()["refresh_token"]
    machine.wall.now -= MINUTES
    machine.passes(3)
    assert machine.site.refresh(client, token).get_json()["refresh_token"] == first


def test_operator_accepts_a_corrected_clock(machine: Machine) -> None:
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
    shown = json.loads(machine.site.run("clock", "show", "--json"))
    assert shown["ahead_seconds"] > DAY - 100
    machine.site.run("clock", "accept", "--yes")
    machine.restart()
    assert json.loads(machine.site.run("clock", "show", "--json"))["ahead_seconds"] == 0
    (row,) = (row for row in rows(machine.site, "audit_event") if row["event"] == "clock.accepted")
    assert row["at"] == int(machine.wall())
