"""How long a worker's place stays empty."""

import pytest

from serving.processes.place import Place
from tests.conftest import Clock


class FakeProcess:
    """A process that does nothing; it cannot start when `fails`."""

    pid, exitcode, sentinel = 7, None, 0

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.told: list[str] = []

    def start(self) -> None:
        """Start, or not."""
        if self.fails:
            raise BlockingIOError("Resource temporarily unavailable")

    def join(self) -> None:
        """Nothing is to be waited for."""

    def terminate(self) -> None:
        """Note it."""
        self.told.append("end")

    def kill(self) -> None:
        """Note it."""
        self.told.append("die")


def live(place: Place, clock: Clock, seconds: float) -> float | None:
    """Let a worker live in a place for so long, and give back the pause after its death."""
    place.fill(object(), FakeProcess())
    clock.now += seconds
    return place.vacate()


def test_pauses_double_up_to_five_seconds() -> None:
    """A worker that dies again and again is started less and less often, and never given up."""
    clock = Clock()
    place = Place(0, clock)
    assert place.waits() == 0
    pauses = [live(place, clock, 0.1) for _ in range(9)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]
    assert place.waits() == 5
    clock.now += 6
    assert place.waits() == 0


def test_worker_that_lived_a_while_is_replaced_soon() -> None:
    """The pauses begin anew."""
    clock = Clock()
    place = Place(0, clock)
    assert [live(place, clock, lived) for lived in (1, 1, 9.9, 10, 1)] == [0.1, 0.2, 0.4, 0.1, 0.2]


def test_process_that_cannot_be_started_is_tried_again() -> None:
    """A system without room for another process has it later, perhaps."""
    clock = Clock()
    place = Place(0, clock)
    with pytest.raises(OSError, match="unavailable"):
        place.fill(object(), FakeProcess(fails=True))
    assert place.process is None
    assert place.vacate() == 0.1
    assert place.waits() == pytest.approx(0.1)


def test_worker_that_does_not_end_in_time_is_killed() -> None:
    """One that was told to end is killed after its grace, and its place is free at once."""
    clock = Clock()
    place, process = Place(0, clock), FakeProcess()
    place.fill(object(), process)
    assert place.waits() is None
    place.renew(10)
    place.renew(10)
    assert (process.told, place.waits()) == (["end"], 10)
    place.enforce()
    assert process.told == ["end"]
    clock.now += 10
    place.enforce()
    assert process.told == ["end", "die"]
    assert place.vacate() is None
    assert place.waits() == 0
