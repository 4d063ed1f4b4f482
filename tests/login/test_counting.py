"""What counting costs, how it behaves in outages, and how many simultaneous guesses pass."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login import Throttled
from login.ports import AttemptKey, FailureRecord, Outcome, Threshold
from tests.failures import MemoryFailures
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Away, Gate

LIMITS = {
    "person": "10/15minutes",
    "client": "20/15minutes",
    "address": "30/15minutes",
    "server": "99/minute",
}
WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)


class Counted(MemoryFailures):
    """A store that counts its calls, and can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = self.questions = 0
        self.no_reads = self.no_writes = False
        self.trouble: type[Exception] = Away

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold] = ()
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """Count a read."""
        self.reads += 1
        self.questions += len(thresholds)
        if self.no_reads:
            raise self.trouble("locked")
        return super().look(name, subject, since, thresholds)

    def record(self, at: int, attempt: AttemptKey, outcome: Outcome) -> int:
        """Count a write."""
        self._write()
        return super().record(at, attempt, outcome)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Count a write."""
        self._write()
        super().settle(number, outcome)

    def forget(self, number: int) -> None:
        """Count a write."""
        self._write()
        super().forget(number)

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Count a write."""
        self._write()
        super().clear(subjects, since)

    def _write(self) -> None:
        self.writes += 1
        if self.no_writes:
            raise self.trouble("read only")


class Slow(FakeDirectory):
    """A directory that refuses every password, after a while."""

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Let other logins come meanwhile."""
        time.sleep(0.005)
        self.bound.append((net_id, password))
        raise InvalidCredentials(Refusal.WRONG_PASSWORD)


def outcome(gate: Gate, net_id: str = "alice", **attempt: str) -> str:
    """Log in, and return the name of the outcome."""
    try:
        gate.ask(net_id, **attempt)
    except (InvalidCredentials, Throttled, DirectoryUnavailable) as error:
        return type(error).__name__
    return "Person"


def test_right_logins_are_never_slowed() -> None:
    """10,000 right logins from one address cost one read each and no write, and are not throttled."""
    store = Counted()
    gate = Gate(store=store, **LIMITS)  # type: ignore[arg-type]
    for _ in range(10_000):
        assert gate.ask() is ALICE
    assert store.writes == 0
    assert (store.reads, store.questions) == (10_000, 3)


def test_failures_of_others_cost_a_right_login_nothing() -> None:
    """Other people's failures, with the same client and address, cost a right login no write."""
    store = Counted()
    directory = FakeDirectory(InvalidCredentials(Refusal.UNKNOWN_PERSON), FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    assert outcome(gate, "nobody") == "InvalidCredentials"
    writes, directory.outcome = store.writes, ALICE
    assert [outcome(gate) for _ in range(5)] == ["Person"] * 5
    assert store.writes == writes


def test_flood_is_stopped_in_the_process() -> None:
    """Once an address is over its limit, an attempt costs neither a write nor a read."""
    store = Counted()
    directory = FakeDirectory(InvalidCredentials(Refusal.UNKNOWN_PERSON), FakeAccount())
    gate = Gate(directory, store=store, address="3/15minutes")
    outcomes = [outcome(gate, f"name{number}") for number in range(4)]
    assert outcomes == ["InvalidCredentials"] * 3 + ["Throttled"]
    before = (store.reads, store.writes, len(directory.asked))
    assert {outcome(gate, f"other{number}") for number in range(1000)} == {"Throttled"}
    assert (store.reads, store.writes, len(directory.asked)) == before


def test_many_failures_are_counted_once_a_second() -> None:
    """Under a limit of thousands, the store counts the failures at most once a second."""
    store = Counted()
    unknown = FakeDirectory(InvalidCredentials(Refusal.UNKNOWN_PERSON), FakeAccount())
    gate = Gate(unknown, store=store, server="1000/hour")
    for number in range(50):
        gate.clock.now += 0.1
        assert outcome(gate, f"name{number}") == "InvalidCredentials"
    assert 5 <= store.questions <= 6


def test_operator_can_reset_a_count() -> None:
    """A cached count expires in seconds, so that deleting rows takes effect."""
    store = Counted()
    gate = Gate(FakeDirectory(WRONG, FakeAccount()), store=store, address="1/15minutes")
    assert outcome(gate) == "InvalidCredentials"
    assert outcome(gate) == "Throttled"
    store.rows.clear()
    gate.clock.now += 10
    assert outcome(gate) == "InvalidCredentials"


def test_guesses_at_once_stay_within_the_limit() -> None:
    """Of 50 wrong passwords at once no more than the limit reach the directory."""
    directory = Slow(account=FakeAccount())
    gate = Gate(directory, person="10/15minutes", slots=50)
    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(lambda number: outcome(gate, password=f"guess{number}"), range(50)))
    assert len(directory.bound) == 10
    assert (outcomes.count("InvalidCredentials"), outcomes.count("Throttled")) == (10, 40)


def test_workers_share_the_limit_before_the_first_failure() -> None:
    """Attempts under way before the first failure is known exceed the limit by other workers' shares."""
    directory = Slow(account=FakeAccount())
    store = MemoryFailures()
    gates = [Gate(directory, store=store, person="4/15minutes", slots=20, workers=2) for _ in range(2)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: outcome(gates[number % 2], password=f"g{number}"), range(20)))
    assert len(directory.bound) <= 4 + 4 // 2


def test_no_password_is_tried_while_failures_cannot_be_recorded() -> None:
    """The first failed write costs one bind; until a write succeeds, no further password is tried."""
    store = Counted()
    store.no_writes = True
    directory = FakeDirectory(WRONG, FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    for number in range(12):
        with pytest.raises(Away):
            gate.ask(password=f"guess{number}")
    directory.outcome = ALICE
    with pytest.raises(Away):
        gate.ask("carol")
    assert len(directory.bound) == 1
    assert gate.log.getvalue().count('"alarm": true') == 1
    store.no_writes = False
    assert outcome(gate) == "Person"
    assert store.rows == []


def test_record_first_ends_with_the_first_write_that_succeeds() -> None:
    """After the store is back, right logins of people without failures write nothing."""
    store = Counted()
    store.no_writes = True
    directory = FakeDirectory(WRONG, FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    with pytest.raises(Away):
        gate.ask()
    store.no_writes, directory.outcome = False, ALICE
    assert outcome(gate) == "Person"
    writes = store.writes
    assert [outcome(gate) for _ in range(3)] == ["Person"] * 3
    assert store.writes == writes


@pytest.mark.parametrize("sees_accounts", [True, False])
def test_no_password_is_tried_while_failures_cannot_be_read(sees_accounts: bool) -> None:  # noqa: FBT001
    """A store that answers no query: no bind, and one alarm; logins go on when it answers again."""
    store = Counted()
    store.no_reads = True
    directory = FakeDirectory(account=FakeAccount() if sees_accounts else None)
    gate = Gate(directory, store=store, sees_accounts=sees_accounts, **LIMITS)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(Away):
            gate.ask()
    assert directory.bound == []
    assert gate.log.getvalue().count('"alarm": true') == 1
    store.no_reads = False
    assert outcome(gate) == "Person"


@pytest.mark.parametrize("sees_accounts", [True, False])
def test_record_comes_first_where_only_users_read_their_entries(sees_accounts: bool) -> None:  # noqa: FBT001
    """A failed write has the same effect where the directory shows no account before the bind."""
    store = Counted()
    store.no_writes = True
    directory = FakeDirectory(WRONG, FakeAccount() if sees_accounts else None)
    gate = Gate(directory, store=store, sees_accounts=sees_accounts, **LIMITS)  # type: ignore[arg-type]
    for _ in range(4):
        with pytest.raises(Away):
            gate.ask()
    assert len(directory.bound) == 1


@pytest.mark.parametrize("trouble", [DirectoryUnavailable("away"), RuntimeError("a fault of ours")])
def test_attempt_without_an_outcome_is_not_counted(trouble: Exception) -> None:
    """The record from before the bind is deleted when the directory could not say."""
    store = Counted()
    directory = FakeDirectory(WRONG, FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    assert outcome(gate) == "InvalidCredentials"
    directory.outcome = trouble  # type: ignore[assignment]
    with pytest.raises(type(trouble)):
        gate.ask()
    assert [row.outcome.reason for row in store.rows] == ["wrong_password"]


class Locked(Away):
    """The whole database is away."""

    stops_all = True


def test_no_password_is_tried_without_a_database() -> None:
    """While the whole database is away, failures cannot be read and no token issued: no bind."""
    store = Counted()
    store.trouble, store.no_reads = Locked, True
    directory = FakeDirectory(account=FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(Locked):
            gate.ask()
    assert directory.bound == []
    assert store.reads == 2
    store.no_reads = False
    assert outcome(gate) == "Person"


def test_wrong_password_is_not_refused_without_a_database() -> None:
    """While the whole database is away, a wrong password gets the answer to a right one, and one bind."""
    store = Counted()
    store.trouble, store.no_writes = Locked, True
    directory = FakeDirectory(WRONG, FakeAccount())
    gate = Gate(directory, store=store, **LIMITS)  # type: ignore[arg-type]
    for _ in range(10):
        with pytest.raises(Locked):
            gate.ask()
    assert len(directory.bound) == 1
    assert gate.log.getvalue() == ""
    store.no_writes = False
    assert outcome(gate) == "InvalidCredentials"


def test_database_that_comes_back_read_only_raises_an_alarm() -> None:
    """The outage has its own alarm; a database that comes back without writes raises another."""
    store = Counted()
    store.trouble, store.no_writes = Locked, True
    gate = Gate(FakeDirectory(WRONG, FakeAccount()), store=store, **LIMITS)  # type: ignore[arg-type]
    with pytest.raises(Locked):
        gate.ask()
    store.trouble = Away
    for _ in range(2):
        with pytest.raises(Away):
            gate.ask()
    assert gate.log.getvalue().count('"alarm": true') == 1
