"""Who waits for a place at the directory, and for how long."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.concurrency.bulkhead import Bulkhead


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_burst_on_a_healthy_directory_is_not_refused() -> None:
    """One more thread than places, as a worker has, and none of the logins slow: each has its turn."""
    bulkhead = Bulkhead(2, monotonic=time.monotonic)

    def log_in(_: int) -> None:
        with bulkhead.slot():
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(log_in, range(60)))) == 60


def test_nobody_waits_behind_logins_that_hang() -> None:
    """Once every place was held for longer than is usual, a thread is not spent on waiting."""
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
def test_nobody_waits_for_a_slow_directory(
    outcome: InvalidCredentials | DirectoryUnavailable,
    patient: bool,  # noqa: FBT001
) -> None:
    """Where answers take 1 s, a wait would hold the thread that checks tokens; an outage sets no pace."""
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


def test_a_wait_is_bounded_however_many_come_and_go() -> None:
    """Who waits gives up after a moment, though others come in and out meanwhile."""
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
