"""The server's clock follows the database's clock, and never goes back."""

import sqlite3
import time
from typing import Any

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
    """A machine whose clock can be set, with a SQLite database and an audit table."""

    def __init__(self, *rows: tuple[int, str]) -> None:
        self.wall, self.monotonic = Clock(NOON), Clock(1000)
        self.database = sqlite3.connect(":memory:")
        self.database.execute("CREATE TABLE audit_event (id INTEGER PRIMARY KEY, at INTEGER, event TEXT)")
        self.database.executemany("INSERT INTO audit_event (at, event) VALUES (?, ?)", rows)
        self.alarms: list[tuple[str, int]] = []

    def start(self) -> ServerClock:
        """Start a server process, which opens the database."""
        clock = ServerClock(wall=self.wall, monotonic=self.monotonic)
        clock.tell = lambda what, seconds, _: self.alarms.append((what, round(seconds)))
        clock.opened(self.database)
        return clock

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.wall.now += seconds
        self.monotonic.now += seconds


@pytest.fixture
def machine() -> Machine:
    """A machine with an empty audit table."""
    return Machine()


def test_machine_clock_counts_until_the_first_connection() -> None:
    """Before the first connection nothing is decided; log lines have the machine's time."""
    assert ServerClock(wall=Clock(7))() == 7


def test_clock_follows_the_machine(machine: Machine) -> None:
    """The clock gives the machine's time."""
    clock = machine.start()
    for _ in range(100):
        machine.passes(7)
        assert clock() == machine.wall()
    assert machine.alarms == []


def test_step_back_moves_nothing(machine: Machine) -> None:
    """After a step back, time goes on from where it was, a little slower, with one alarm."""
    clock = machine.start()
    machine.passes(5)
    before = last = clock()
    machine.wall.now -= DAY
    for number in range(1, 100):
        machine.passes(11)
        assert last + 10.8 < clock() <= before + number * 11
        last = clock()
    assert machine.alarms == [(BEHIND, DAY)]


def test_small_step_back_is_absorbed_without_an_alarm(machine: Machine) -> None:
    """A clock slightly ahead meets the machine's clock again, without going back."""
    clock = machine.start()
    machine.wall.now -= 2
    last = clock()
    for _ in range(30):
        machine.passes(11)
        assert clock() > last
        last = clock()
    assert last == machine.wall()
    assert machine.alarms == []


def test_jump_forward_is_followed_with_an_alarm(machine: Machine) -> None:
    """A machine that was asleep, or was set right, is followed at once, so that tokens end in time."""
    clock = machine.start()
    machine.wall.now += DAY
    machine.passes(11)
    assert clock() == machine.wall()
    assert machine.alarms == [(JUMPED, DAY)]
    machine.wall.now -= DAY
    machine.passes(11)
    assert clock() > machine.wall() + DAY - 1
    assert machine.alarms == [(JUMPED, DAY), (BEHIND, DAY)]


def test_process_starts_at_the_newest_audit_row(machine: Machine) -> None:
    """A process on a machine whose clock was set back starts at the time of the newest audit row."""
    machine = Machine((NOON - 10, "token.issued"), (NOON, "grant.refused"), (NOON - 40, "login.throttled"))
    machine.wall.now = NOON - DAY
    clock = machine.start()
    assert clock() == NOON
    machine.passes(5)
    assert clock() == NOON + 5
    assert machine.alarms == [(BEHIND, DAY)]


def test_rows_of_now_are_no_alarm() -> None:
    """Audit rows of the current time raise no alarm."""
    machine = Machine((NOON - 5, "token.issued"))
    assert machine.start()() == NOON
    assert machine.alarms == []


def test_rows_before_an_accepted_clock_do_not_count() -> None:
    """Rows before the operator's acceptance do not bound the time."""
    machine = Machine((NOON + DAY, "token.issued"), (NOON - 3, ACCEPTED), (NOON - 2, "token.issued"))
    assert machine.start()() == NOON
    assert machine.alarms == []


def test_empty_audit_does_not_bound_the_time() -> None:
    """An empty audit table does not bound the time."""
    assert newest([]) == 0


def test_newest_row_is_read_once_the_table_exists(machine: Machine) -> None:
    """Before the migrations there is no newest row; it is read once the table exists."""
    machine.database.execute("ALTER TABLE audit_event RENAME TO elsewhere")
    clock = machine.start()
    assert clock() == NOON
    machine.database.execute("ALTER TABLE elsewhere RENAME TO audit_event")
    clock.opened(machine.database)
    assert clock() == NOON


def test_clock_moves_to_a_newest_row_that_is_read_late(machine: Machine) -> None:
    """A process that could not read the audit at first continues from its newest row once it can."""
    machine.database.execute("INSERT INTO audit_event (at, event) VALUES (?, 'token.issued')", (NOON + DAY,))
    machine.database.execute("ALTER TABLE audit_event RENAME TO elsewhere")
    clock = machine.start()
    machine.database.execute("ALTER TABLE elsewhere RENAME TO audit_event")
    clock.opened(machine.database)
    assert clock() == NOON + DAY


class TestPostgresql:
    """Nodes on one PostgreSQL use its clock."""

    def test_machine_clock_does_not_count_on_postgresql(self, postgresql: Postgresql) -> None:
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

    def test_clock_is_read_every_ten_seconds(
        self, postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reading uses a connection that was checked out anyway."""
        monotonic = Clock(1000)
        readings: list[object] = []
        with postgresql.connect() as driver:
            driver.autocommit = False
            clock = ServerClock(monotonic=monotonic)
            clock.opened(driver)
            run = driver.execute

            def execute(statement: str, *given: Any) -> Any:
                if "clock_timestamp" in statement:
                    readings.append(statement)
                return run(statement, *given)

            monkeypatch.setattr(driver, "execute", execute)
            for _ in range(25):
                clock.taken(driver)
                monotonic.now += 1
        assert len(readings) == 2

    def test_locked_audit_table_delays_no_connection(self, postgresql: Postgresql) -> None:
        """A connection does not wait for a locked audit table; the newest row is read later."""
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

    def test_lost_connection_raises_the_drivers_error(self, postgresql: Postgresql) -> None:
        """A lost connection raises the driver's error, as for any statement."""
        driver = postgresql.connect()
        driver.close()
        with pytest.raises(psycopg.Error):
            ServerClock().opened(driver)
