"""What a directory that locks people out must tell of it, one rule a test. Subclassed over each kind."""

import time
from collections.abc import Callable, Iterator

import pytest

from directory import Account, Directory, InvalidCredentials, LockoutStatus, Refusal
from tests.servers.administrator import Administrator

LIMIT = 5
WRONG = "wrong-password"
MINUTE, DAY = 60, 86_400


class Held(Exception):
    """What a test raises to keep a password from being tried."""


def look(directory: Directory, net_id: str = "alice") -> tuple[bytes, LockoutStatus]:
    """The account's state and standing, seen by a login that is kept from its bind."""
    seen: list[tuple[bytes, LockoutStatus]] = []

    def admit(account: Account) -> None:
        seen.append((account.state, account.lockout_status()))
        raise Held

    with pytest.raises(Held):
        directory.authenticate(net_id, WRONG, admit=admit)
    return seen[0]


def fail(directory: Directory, times: int = 1) -> None:
    """Log in with a wrong password so often."""
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            directory.authenticate("alice", WRONG)


def start_afresh(administrator: Administrator, directory: Directory) -> None:
    """End alice's lock, and her failures by a success."""
    administrator.unlock("alice")
    directory.authenticate("alice", "alice-password")


class LockoutConformance:
    """The rules. A subclass has fixtures `open_with` and `administrator`, and people whom 5 failures lock."""

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory for which every change of a password is a while ago."""
        return open_with(clock=lambda: time.time() + MINUTE)

    @pytest.fixture(autouse=True)
    def _afresh(self, administrator: Administrator, directory: Directory) -> Iterator[None]:
        """Nobody has failed yet, nor will have afterwards."""
        start_afresh(administrator, directory)
        yield
        start_afresh(administrator, directory)

    def test_standing_counts_as_the_server_does(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """Failures are those that the server counts, against its limit; a login that is right ends them."""
        assert look(directory)[1] == LockoutStatus(0, LIMIT)
        for count in (1, 2):
            fail(directory)
            assert look(directory)[1] == LockoutStatus(count, LIMIT)
            assert administrator.failures("alice") == count
        directory.authenticate("alice", "alice-password")
        assert look(directory)[1] == LockoutStatus(0, LIMIT)

    def test_standing_does_not_stay_when_its_time_is_over(
        self, directory: Directory, open_with: Callable[..., Directory]
    ) -> None:
        """A failure that the server will forget at the next one does not count now."""
        fail(directory)
        tomorrow = open_with(clock=lambda: time.time() + DAY)
        assert look(tomorrow)[1] == LockoutStatus(0, LIMIT)

    def test_what_is_not_admitted_is_not_bound(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """A password that is kept from being tried is no failure anywhere."""
        look(directory)
        assert administrator.failures("alice") == 0

    def test_wrong_try_leaves_the_state(self, directory: Directory) -> None:
        """A failure alone makes no wrong password right."""
        before = look(directory)[0]
        fail(directory)
        assert before
        assert look(directory)[0] == before

    def test_new_password_changes_the_state(
        self, directory: Directory, open_with: Callable[..., Directory], administrator: Administrator
    ) -> None:
        """After a change of password, one that was wrong may be right; for seconds nothing is said."""
        before = look(directory)[0]
        administrator.set_password("alice", "another-password")
        try:
            assert look(open_with())[0] == b""
            assert look(directory)[0] not in {b"", before}
        finally:
            administrator.set_password("alice", "alice-password")

    def test_nothing_is_certain_of_a_locked_account(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """While a lock stands, a right password may be called wrong: no state; then it is as before."""
        before = look(directory)[0]
        fail(directory, LIMIT)
        assert administrator.is_locked("alice")
        assert look(directory) == (b"", LockoutStatus(LIMIT, LIMIT))
        administrator.unlock("alice")
        assert look(directory)[0] == before

    def test_lock_between_search_and_bind_is_noticed(
        self, directory: Directory, open_with: Callable[..., Directory]
    ) -> None:
        """A state that changed before the bind was over is not the one that the password was wrong for."""
        other, seen = open_with(), list[Account]()

        def admit(account: Account) -> None:
            seen.append(account)
            assert account.is_unchanged()
            fail(other, LIMIT)

        with pytest.raises(InvalidCredentials):
            directory.authenticate("alice", "alice-password", admit=admit)
        assert seen[0].state
        assert not seen[0].is_unchanged()

    def test_lock_is_told_to_the_help_desk(self, directory: Directory, administrator: Administrator) -> None:
        """Who looks at a locked person sees why they cannot log in."""
        assert directory.examine("alice").refusal is None
        fail(directory, LIMIT)
        state = directory.examine("alice")
        assert (state.refusal, state.lockout_status) == (Refusal.LOCKED, LockoutStatus(LIMIT, LIMIT))
        administrator.unlock("alice")
        assert directory.examine("alice").refusal is None
