"""The clock by which everything is decided: it follows the database's, and never goes back."""

import sqlite3
import time

import psycopg
import pytest
from sqlalchemy import create_engine

from models.database.engine import engine_options, prepare_engine
from models.database.server_clock import ACCEPTED, BEHIND, JUMPED, ServerClock, newest
from tests.conftest import NOON, Clock
from tests.servers.postgresql import Postgresql

MINUTE, DAY = 60, 86_400
FUTURE = 4_000_000_000


class Machine:
    """A machine whose clock can be set, over a SQLite database with an audit."""

    def __init__(self, *rows: tuple[int, str]) -> None:
        self.wall, self.monotonic = Clock(NOON), Clock(1000)
        self.database = sqlite3.connect(":memory:")
        self.database.execute("CREATE TABLE audit_event (id INTEGER PRIMARY KEY, at INTEGER, event TEXT)")
        self.database.executemany("INSERT INTO audit_event (at, event) VALUES (?, ?)", rows)
        self.told: list[tuple[str, int]] = []

    def start(self) -> ServerClock:
        """A process of the server, which opens the database."""
        clock = ServerClock(wall=self.wall, monotonic=self.monotonic)
        clock.tell = lambda what, seconds, _: self.told.append((what, round(seconds)))
        clock.opened(self.database)
        return clock

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.wall.now += seconds
        self.monotonic.now += seconds


@pytest.fixture
def machine() -> Machine:
    """A machine with an empty audit."""
    return Machine()


def test_machines_own_until_there_is_a_database() -> None:
    """Nothing is decided without a database; what is logged has the machine's time."""
    assert ServerClock(wall=Clock(7))() == 7


def test_time_passes(machine: Machine) -> None:
    """It is as late as the machine says."""
    clock = machine.start()
    for _ in range(100):
        machine.passes(7)
        assert clock() == machine.wall()
    assert machine.told == []


def test_step_back_moves_nothing(machine: Machine) -> None:
    """After a step back time goes on from where it was, a little slower, with one alarm."""
    clock = machine.start()
    machine.passes(5)
    before = last = clock()
    machine.wall.now -= DAY
    for number in range(1, 100):
        machine.passes(11)
        assert last + 10.8 < clock() <= before + number * 11
        last = clock()
    assert machine.told == [(BEHIND, DAY)]


def test_small_step_back_is_made_up_for(machine: Machine) -> None:
    """What is a little ahead meets the machine's clock again, without going back, and without an alarm."""
    clock = machine.start()
    machine.wall.now -= 2
    last = clock()
    for _ in range(30):
        machine.passes(11)
        assert clock() > last
        last = clock()
    assert last == machine.wall()
    assert machine.told == []


def test_jump_forward_is_followed_with_an_alarm(machine: Machine) -> None:
    """A machine that was asleep, or set right, is believed at once: what should have ended has."""
    clock = machine.start()
    machine.wall.now += DAY
    machine.passes(11)
    assert clock() == machine.wall()
    assert machine.told == [(JUMPED, DAY)]
    machine.wall.now -= DAY
    machine.passes(11)
    assert clock() > machine.wall() + DAY - 1
    assert machine.told == [(JUMPED, DAY), (BEHIND, DAY)]


def test_restart_after_a_step_back(machine: Machine) -> None:
    """A process that starts on a machine whose clock was set back begins where the newest row was written."""
    machine = Machine((NOON - 10, "token.issued"), (NOON, "grant.refused"), (NOON - 40, "login.throttled"))
    machine.wall.now = NOON - DAY
    clock = machine.start()
    assert clock() == NOON
    machine.passes(5)
    assert clock() == NOON + 5
    assert machine.told == [(BEHIND, DAY)]


def test_rows_of_now_are_no_alarm() -> None:
    """The newest row is as old as it is."""
    machine = Machine((NOON - 5, "token.issued"))
    assert machine.start()() == NOON
    assert machine.told == []


def test_operator_accepts_the_clock() -> None:
    """Rows before the operator's word are no mark."""
    machine = Machine((NOON + DAY, "token.issued"), (NOON - 3, ACCEPTED), (NOON - 2, "token.issued"))
    assert machine.start()() == NOON
    assert machine.told == []


def test_newest_of_nothing() -> None:
    """An empty audit is no mark."""
    assert newest([]) == 0


def test_database_without_tables(machine: Machine) -> None:
    """Before the migrations there is no mark; it is read once there is one."""
    machine.database.execute("ALTER TABLE audit_event RENAME TO elsewhere")
    clock = machine.start()
    assert clock() == NOON
    machine.database.execute("ALTER TABLE elsewhere RENAME TO audit_event")
    clock.opened(machine.database)
    assert clock() == NOON


def test_mark_that_is_learned_late(machine: Machine) -> None:
    """A process that could not read the audit at first goes on from its newest row once it can."""
    machine.database.execute("INSERT INTO audit_event (at, event) VALUES (?, 'token.issued')", (NOON + DAY,))
    machine.database.execute("ALTER TABLE audit_event RENAME TO elsewhere")
    clock = machine.start()
    machine.database.execute("ALTER TABLE elsewhere RENAME TO audit_event")
    clock.opened(machine.database)
    assert clock() == NOON + DAY


class TestPostgresql:
    """Nodes of one PostgreSQL go by its clock."""

    def test_clock_of_the_machine_is_not_looked_at(self, postgresql: Postgresql) -> None:
        """Nodes whose clocks differ by five minutes agree within a fraction of a second."""
        with postgresql.connect() as driver:
            driver.autocommit = False
            nodes = [ServerClock(wall=Clock(NOON + by)) for by in (-5 * MINUTE, 5 * MINUTE)]
            for node in nodes:
                node.opened(driver)
            assert driver.autocommit is False
            row = driver.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
            assert row is not None
            assert [float(row[0]) - node() for node in nodes] == pytest.approx([0, 0], abs=0.5)

    def test_it_is_asked_again_from_time_to_time(
        self, postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A look every ten seconds, on a connection that was taken anyway."""
        monotonic = Clock(1000)
        asked: list[object] = []
        with postgresql.connect() as driver:
            driver.autocommit = False
            clock = ServerClock(monotonic=monotonic)
            clock.opened(driver)
            monkeypatch.setattr(clock, "_read", asked.append)
            for _ in range(25):
                clock.taken(driver)
                monotonic.now += 1
        assert asked == [driver, driver]

    def test_locked_audit_holds_no_connection_up(self, postgresql: Postgresql) -> None:
        """Whoever checks tokens needs no audit: its mark is learned when the table is free again."""
        url = postgresql.create_database("locked_audit")
        engine = create_engine(url, **engine_options(url, threads=2))
        clock = ServerClock()
        prepare_engine(engine, sqlite_synchronous="FULL", watch=clock)
        with postgresql.connect("locked_audit") as other:
            other.execute("CREATE TABLE audit_event (id serial, at bigint, event text)")
            other.execute("INSERT INTO audit_event (at, event) VALUES (%s, 'token.issued')", [FUTURE])
            with other.transaction():
                other.execute("LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE")
                began = time.monotonic()
                with engine.connect() as link:
                    assert link.exec_driver_sql("SELECT 1").scalar() == 1
                assert time.monotonic() - began < 2
            engine.dispose()
            assert clock() < FUTURE
            with engine.connect():
                assert clock() == pytest.approx(FUTURE, abs=1)
        engine.dispose()
        postgresql.drop_database("locked_audit")

    def test_trouble_is_the_drivers(self, postgresql: Postgresql) -> None:
        """A connection that is lost is the driver's error, as for any statement."""
        driver = postgresql.connect()
        driver.close()
        with pytest.raises(psycopg.Error):
            ServerClock().opened(driver)
