"""Frequent events are logged once a minute, and every event counts."""

from telemetry import LogSampler
from tests.conftest import Clock


def test_first_event_of_each_kind_is_logged_at_once() -> None:
    """The first event of a kind is due, whatever other kinds came before."""
    sampler = LogSampler(monotonic=Clock())
    assert (sampler.due("one"), sampler.due("other")) == (1, 1)


def test_events_within_a_minute_are_logged_as_a_count() -> None:
    """Within a minute no further line is due; the next line counts all events since the last one."""
    clock = Clock()
    sampler = LogSampler(monotonic=clock)
    assert sampler.due("kind") == 1
    assert [sampler.due("kind") for _ in range(5)] == [None] * 5
    clock.now += 60
    assert sampler.due("kind") == 6


def test_thousand_kinds_are_remembered_at_most() -> None:
    """A thousand kinds are remembered. With more, some are forgotten, and their next event is due at once."""
    sampler = LogSampler(monotonic=Clock())
    for kind in range(1000):
        sampler.due(kind)
    assert [sampler.due(kind) for kind in range(1000)] == [None] * 1000
    for kind in range(1000, 2500):
        sampler.due(kind)
    assert sum(sampler.due(kind) is None for kind in reversed(range(2500))) <= 1000
