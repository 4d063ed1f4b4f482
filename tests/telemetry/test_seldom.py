"""What happens often is told seldom, and no occurrence is lost from the count."""

from telemetry import LogSampler
from tests.conftest import Clock


def test_first_is_told_at_once() -> None:
    """Whatever happens for the first time is told, each kind by itself."""
    seldom = LogSampler(monotonic=Clock())
    assert (seldom.due("one"), seldom.due("other")) == (1, 1)


def test_many_are_told_as_a_number() -> None:
    """Within a minute nothing more is told; then, how many there were since."""
    clock = Clock()
    seldom = LogSampler(monotonic=clock)
    assert seldom.due("kind") == 1
    assert [seldom.due("kind") for _ in range(5)] == [None] * 5
    clock.now += 60
    assert seldom.due("kind") == 6


def test_kinds_are_bounded() -> None:
    """A thousand kinds are known at most, however many there are."""
    seldom = LogSampler(monotonic=Clock())
    for kind in range(2500):
        seldom.due(kind)
    assert len(seldom._told) <= 1000
