"""How long the slot of a worker stays empty."""

import pytest

from serving.processes.worker_slot import WorkerSlot
from tests.conftest import Clock


class FakeProcess:
    """A process that does nothing; it cannot start when `fails`."""

    pid, exitcode, sentinel = 7, None, 0

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.signals: list[str] = []

    def start(self) -> None:
        """Start, unless it `fails`."""
        if self.fails:
            raise BlockingIOError("Resource temporarily unavailable")

    def join(self) -> None:
        """Return at once."""

    def terminate(self) -> None:
        """Record it."""
        self.signals.append("end")

    def kill(self) -> None:
        """Record it."""
        self.signals.append("die")


def live(slot: WorkerSlot, clock: Clock, seconds: float) -> float | None:
    """Let a worker live for some seconds in a slot, and return the pause after its death."""
    slot.fill(object(), FakeProcess())
    clock.now += seconds
    return slot.vacate()


def test_pauses_double_up_to_five_seconds() -> None:
    """A worker that dies again and again is started less and less often, and never given up."""
    clock = Clock()
    slot = WorkerSlot(0, clock)
    assert slot.waits() == 0
    pauses = [live(slot, clock, 0.1) for _ in range(9)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]
    assert slot.waits() == 5
    clock.now += 6
    assert slot.waits() == 0


def test_worker_that_lived_long_enough_is_replaced_soon() -> None:
    """The pauses restart with the shortest one."""
    clock = Clock()
    slot = WorkerSlot(0, clock)
    assert [live(slot, clock, lived) for lived in (1, 1, 9.9, 10, 1)] == [0.1, 0.2, 0.4, 0.1, 0.2]


def test_process_that_cannot_be_started_is_retried() -> None:
    """If the system cannot start another process, the start is tried again later."""
    clock = Clock()
    slot = WorkerSlot(0, clock)
    with pytest.raises(OSError, match="unavailable"):
        slot.fill(object(), FakeProcess(fails=True))
    assert slot.process is None
    assert slot.vacate() == 0.1
    assert slot.waits() == pytest.approx(0.1)


def test_worker_that_does_not_end_in_time_is_killed() -> None:
    """A worker that must end is killed after its grace period, and its slot is free at once."""
    clock = Clock()
    slot, process = WorkerSlot(0, clock), FakeProcess()
    slot.fill(object(), process)
    assert slot.waits() is None
    slot.renew(10)
    slot.renew(10)
    assert (process.signals, slot.waits()) == (["end"], 10)
    slot.enforce()
    assert process.signals == ["end"]
    clock.now += 10
    slot.enforce()
    assert process.signals == ["end", "die"]
    assert slot.vacate() is None
    assert slot.waits() == 0
