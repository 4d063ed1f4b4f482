"""Which logins wait for a slot at the directory, and how long."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.concurrency import Bulkhead


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_burst_on_a_healthy_directory_is_not_refused() -> None:
    """With one more thread than slots, as in a worker, quick logins all get a slot."""
    bulkhead = Bulkhead(2, monotonic=time.monotonic)

    def log_in(_: int) -> None:
        with bulkhead.slot():
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(log_in, range(60)))) == 60


def test_no_login_waits_behind_logins_that_hang() -> None:
    """If no slot came free for longer than usual, no thread waits for one."""
    clock = Clock()
    bulkhead = Bulkhead(3, monotonic=clock)
    with ExitStack() as inside:
        for _ in range(3):
            inside.enter_context(bulkhead.slot())
        clock.now = 1.0
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(DirectoryUnavailable, match="place"), bulkhead.slot():
                pass
        assert time.monotonic() - began < 0.1
    with bulkhead.slot():
        pass


@pytest.mark.parametrize(
    ("outcome", "patient"),
    [(InvalidCredentials(Refusal.WRONG_PASSWORD), False), (DirectoryUnavailable("it hung"), True)],
)
def test_no_login_waits_for_a_slow_directory(
    outcome: InvalidCredentials | DirectoryUnavailable,
    patient: bool,  # noqa: FBT001
) -> None:
    """If answers take 1 s, waiting would hold threads that check tokens; an outage does not count as slow."""
    clock = Clock()
    bulkhead = Bulkhead(1, monotonic=clock)

    def log_in() -> None:
        with bulkhead.slot():
            clock.now = 1.0
            raise outcome

    with pytest.raises(type(outcome)):
        log_in()
    with ThreadPoolExecutor(1) as pool, ExitStack() as inside:
        inside.enter_context(bulkhead.slot())

        def wait() -> None:
            with bulkhead.slot():
                pass

        waiting = pool.submit(wait)
        time.sleep(0.05)
        assert waiting.done() is not patient
        inside.close()
        assert (waiting.exception(5) is None) is patient


def test_wait_is_bounded_while_other_logins_come_and_go() -> None:
    """A waiting login gives up in time, though others enter and leave meanwhile."""
    clock = Clock()
    bulkhead = Bulkhead(1, monotonic=clock)
    with ThreadPoolExecutor(1) as pool, bulkhead.slot():

        def wait() -> None:
            with bulkhead.slot():
                pass

        waiting = pool.submit(wait)
        time.sleep(0.05)
        clock.now = 0.2
        assert isinstance(waiting.exception(5), DirectoryUnavailable)
