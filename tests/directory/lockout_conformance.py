"""What a directory that locks accounts must report, one rule a test. Subclassed for each kind."""

import time
from collections.abc import Callable, Iterator

import pytest

from directory import Directory, InvalidCredentials, LockoutStatus, Refusal
from tests.servers.administrator import Administrator

LIMIT = 5
WRONG = "wrong-password"
MINUTE, DAY = 60, 86_400


def look(directory: Directory, net_id: str = "alice") -> tuple[bytes, LockoutStatus]:
    """The account's fingerprint and lockout status, read without a bind."""
    account = directory.find(net_id)
    return account.fingerprint, account.lockout_status()


def fail(directory: Directory, times: int = 1) -> None:
    """Log in with a wrong password `times` times."""
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            directory.find("alice").verify(WRONG)


def reset(administrator: Administrator, directory: Directory) -> None:
    """Unlock alice, and reset her failures by a success."""
    administrator.unlock("alice")
    directory.find("alice").verify("alice-password")


class LockoutConformance:
    """A subclass provides fixtures `open_with` and `administrator`; 5 failures lock an account."""

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory in which no password was changed within the last minute."""
        return open_with(clock=lambda: time.time() + MINUTE)

    @pytest.fixture(autouse=True)
    def _reset(self, administrator: Administrator, directory: Directory) -> Iterator[None]:
        """Alice has no failures before and after each test."""
        reset(administrator, directory)
        yield
        reset(administrator, directory)

    def test_lockout_status_has_the_servers_count(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """Failures are counted as the server counts them, against its limit; a right login resets them."""
        assert look(directory)[1] == LockoutStatus(0, LIMIT)
        for count in (1, 2):
            fail(directory)
            assert look(directory)[1] == LockoutStatus(count, LIMIT)
            assert administrator.failures("alice") == count
        directory.find("alice").verify("alice-password")
        assert look(directory)[1] == LockoutStatus(0, LIMIT)

    def test_expired_failures_are_not_in_the_lockout_status(
        self, directory: Directory, open_with: Callable[..., Directory]
    ) -> None:
        """A failure that the server drops at the next failure does not count now."""
        fail(directory)
        tomorrow = open_with(clock=lambda: time.time() + DAY)
        assert look(tomorrow)[1] == LockoutStatus(0, LIMIT)

    def test_finding_an_account_does_not_bind(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """An account that is read but not verified gets no failure in the directory."""
        look(directory)
        assert administrator.failures("alice") == 0

    def test_failure_leaves_the_fingerprint(self, directory: Directory) -> None:
        """A failure alone does not make a wrong password right."""
        before = look(directory)[0]
        fail(directory)
        assert before
        assert look(directory)[0] == before

    def test_new_password_changes_the_fingerprint(
        self, directory: Directory, open_with: Callable[..., Directory], administrator: Administrator
    ) -> None:
        """After a change a wrong password may be right; for seconds there is no fingerprint at all."""
        before = look(directory)[0]
        administrator.set_password("alice", "another-password")
        try:
            assert look(open_with())[0] == b""
            assert look(directory)[0] not in {b"", before}
        finally:
            administrator.set_password("alice", "alice-password")

    def test_locked_account_has_no_fingerprint(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """During a lock a right password may be refused as wrong; afterwards the fingerprint is as before."""
        before = look(directory)[0]
        fail(directory, LIMIT)
        assert administrator.is_locked("alice")
        assert look(directory) == (b"", LockoutStatus(LIMIT, LIMIT))
        administrator.unlock("alice")
        assert look(directory)[0] == before

    def test_lock_between_search_and_bind_is_noticed(
        self, directory: Directory, open_with: Callable[..., Directory]
    ) -> None:
        """If a lock began after the account was read, `is_unchanged` is False."""
        other = open_with()
        account = directory.find("alice")
        assert account.is_unchanged()
        fail(other, LIMIT)
        with pytest.raises(InvalidCredentials):
            account.verify("alice-password")
        assert account.fingerprint
        assert not account.is_unchanged()

    def test_examining_a_locked_person_shows_the_lock(
        self, directory: Directory, administrator: Administrator
    ) -> None:
        """The help desk sees that a lock keeps the person from logging in."""
        assert directory.examine("alice").refusal is None
        fail(directory, LIMIT)
        state = directory.examine("alice")
        assert (state.refusal, state.lockout_status) == (Refusal.LOCKED, LockoutStatus(LIMIT, LIMIT))
        administrator.unlock("alice")
        assert directory.examine("alice").refusal is None
