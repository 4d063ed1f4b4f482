"""The shield prevents lockouts in directories that lock accounts. Subclassed for each kind."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from directory import Directory, InvalidCredentials
from login import Throttled
from tests.directory.lockout_conformance import LIMIT, WRONG
from tests.failures import MemoryFailures
from tests.guards import Gate, Refusals
from tests.servers.administrator import Administrator

BUDGET = 3


def two_workers(directory: Directory, budget: int) -> list[Gate]:
    """Make two workers on one database, with the shield as their only limit."""
    store, refused = MemoryFailures(), Refusals()
    made = []
    for _ in range(2):
        gate = Gate(directory, store, shield_budget=budget, workers=2, slots=16)
        gate.refused.rows = refused.rows
        made.append(gate)
    return made


def guess(gate: Gate, number: int, password: str | None = None) -> str:
    """Guess from a different address at each call."""
    address = f"192.0.{number // 250}.{number % 250}"
    try:
        gate.ask(password=password or f"{WRONG}{number}", address=address)
    except (InvalidCredentials, Throttled) as error:
        return type(error).__name__
    return "Person"


class ShieldConformance:
    """A subclass provides fixtures `directory` and `administrator`; 5 failures lock alice.

    `counts_each` is False for a directory that may count simultaneous wrong binds as one.
    """

    counts_each = True

    def test_guesses_never_lock(self, directory: Directory, administrator: Administrator) -> None:
        """Of 500 wrong guesses through two workers, only the budget reaches the directory."""
        gates = two_workers(directory, BUDGET)
        outcomes = [guess(gates[number % 2], number) for number in range(500)]
        assert outcomes == ["InvalidCredentials"] * BUDGET + ["Throttled"] * (500 - BUDGET)
        assert administrator.failures("alice") == BUDGET
        assert not administrator.is_locked("alice")
        assert directory.find("alice").verify("alice-password").net_id == "alice"

    def test_simultaneous_guesses_never_lock(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """Binds that both workers begin before the first is counted stay below the limit."""
        gates = two_workers(directory, BUDGET)
        with ThreadPoolExecutor(16) as pool:
            outcomes = list(pool.map(lambda number: guess(gates[number % 2], number), range(50)))
        assert outcomes.count("InvalidCredentials") <= BUDGET + 1
        counted, refused = administrator.failures("alice") or 0, outcomes.count("InvalidCredentials")
        assert counted == refused if self.counts_each else 0 < counted <= refused
        assert not administrator.is_locked("alice")

    def test_failures_outside_of_this_server_count(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """With a budget over the limit, and failures of other programs, one try is left for the user."""
        gates = two_workers(directory, 100)
        assert guess(gates[0], 0) == "InvalidCredentials"
        for _ in range(2):
            with pytest.raises(InvalidCredentials):
                directory.find("alice").verify(WRONG)
        outcomes = [guess(gates[number % 2], number) for number in range(1, 20)]
        assert outcomes == ["InvalidCredentials"] + ["Throttled"] * 18
        assert administrator.failures("alice") == LIMIT - 1
        assert not administrator.is_locked("alice")

    def test_program_with_an_old_password_costs_one_failure(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """A repeated old password is bound once. The right password is accepted afterwards."""
        gates = two_workers(directory, BUDGET)
        outcomes = {guess(gates[number % 2], number, "an-old-password") for number in range(20)}
        assert outcomes == {"InvalidCredentials"}
        assert administrator.failures("alice") == 1
        assert guess(gates[0], 21, "alice-password") == "Person"
