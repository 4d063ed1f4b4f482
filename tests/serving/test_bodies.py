"""How many threads bodies that are still coming may hold, and for how long; the clock is the test's."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from serving.connections.bodies import Body, BodyGate
from serving.connections.traffic import Traffic, watched

HERE, THERE = "192.0.2.1", "198.51.100.7"


@dataclass(eq=False)
class Asked:
    """granian's protocol object, as far as the gate uses it."""

    answers: list[tuple[int, list[tuple[str, str]], bytes]] = field(default_factory=list)

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: Iterator[bytes]) -> None:
        """Keep an answer."""
        self.answers.append((status, headers, b"".join(body)))


class Stands:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """The time at which it stands."""
        return self.now


@pytest.fixture
def clock() -> Stands:
    """A clock for the gate."""
    return Stands()


@pytest.fixture
def gate(clock: Stands) -> BodyGate:
    """The gate of a worker of 6 threads, of which bodies may hold 4."""
    return BodyGate(6, deadline=10, patience=0.1, clock=clock)


def enter(
    gate: BodyGate, clock: Stands, count: int, address: str = HERE, *, apart: float = 0.01
) -> list[Asked]:
    """Let bodies begin, one after the other."""
    began = []
    for _ in range(count):
        began.append(Asked())
        gate.enter(began[-1], clock.now, address)
        clock.now += apart
    return began


def test_body_past_its_deadline_ends(gate: BodyGate, clock: Stands) -> None:
    """A single slow body is answered 408 after its deadline and not before (RFC 9110, 15.5.9)."""
    [slow] = enter(gate, clock, 1, apart=0)
    clock.now += 9.9
    assert gate.overdue() == []
    clock.now += 0.1
    [overdue] = gate.overdue()
    assert gate.end(overdue)
    [(status, headers, body)] = slow.answers
    assert status == 408
    assert ("Connection", "close") in headers
    # One byte too few makes the HTTP server give up the connection.
    assert ("Content-Length", str(len(body) + 1)) in headers


def test_body_has_less_time_in_a_worker_that_ends(gate: BodyGate, clock: Stands) -> None:
    """A worker that was told to end waits for no slow body for longer than 2 seconds."""
    enter(gate, clock, 1, apart=1.9)
    gate.hasten()
    assert gate.crowded.is_set()
    assert gate.overdue() == []
    clock.now += 0.1
    assert [each.status for each in gate.overdue()] == [408]


def test_as_many_bodies_as_there_are_places_wait(gate: BodyGate, clock: Stands) -> None:
    """Four slow bodies keep their four threads until the deadline."""
    enter(gate, clock, 4)
    clock.now += 5
    assert not gate.is_crowded()
    assert gate.overdue() == []


def test_too_many_bodies_end_the_oldest(gate: BodyGate, clock: Stands) -> None:
    """Of six the two oldest are answered 503, once each has had a moment to become whole."""
    began = enter(gate, clock, 6)
    assert gate.is_crowded()
    assert gate.crowded.is_set()
    assert gate.overdue() == []
    clock.now += 0.1
    ended = gate.overdue()
    assert [each.protocol for each in ended] == began[:2]
    assert {each.status for each in ended} == {503}


def test_the_sender_of_most_slow_bodies_loses_them(gate: BodyGate, clock: Stands) -> None:
    """One sender with five slow bodies does not end the older one of another."""
    [other] = enter(gate, clock, 1, THERE)
    many = enter(gate, clock, 5)
    clock.now += 0.1
    ended = [each.protocol for each in gate.overdue()]
    assert other not in ended
    assert ended == many[:2]


def test_body_that_became_whole_is_not_ended(gate: BodyGate, clock: Stands) -> None:
    """A read that is over at the same moment goes on: the request has one answer."""
    [slow] = enter(gate, clock, 1)
    clock.now += 10
    [overdue] = gate.overdue()
    assert gate.leave(slow)
    assert not gate.end(overdue)
    assert slow.answers == []


def test_read_of_an_ended_body_fails(gate: BodyGate, clock: Stands) -> None:
    """The application never sees half a body as a whole one."""
    protocol = Asked()

    class Stuck:
        def read(self, size: int) -> bytes:
            clock.now += 10
            [overdue] = gate.overdue()
            gate.end(overdue)
            return b"grant_type=pass"

    with pytest.raises(ConnectionAbortedError):
        Body(Stuck(), gate, protocol, HERE).read(100)
    assert len(protocol.answers) == 1


def test_deadline_is_that_of_the_whole_body(gate: BodyGate, clock: Stands) -> None:
    """A body of many reads has no more time than a body of one."""
    ages = []

    class Parts:
        def read(self, size: int) -> bytes:
            clock.now += 6
            ages.append(len(gate.overdue()))
            return b"x"

    body = Body(Parts(), gate, Asked(), HERE)
    assert body.read(1) == b"x"
    assert body.read(1) == b"x"
    assert ages == [0, 1]


def test_request_without_a_body_costs_the_gate_nothing(gate: BodyGate) -> None:
    """Only a request that announces a body has its input watched (RFC 9112, 6)."""
    traffic, inputs = Traffic(tls=True), []

    def call(protocol: Any, environ: dict[str, Any]) -> int:
        assert list(traffic.under_way) == [protocol]
        inputs.append(environ["wsgi.input"])
        return 200

    watch, given = watched(call, traffic, gate), object()
    for more in ({}, {"CONTENT_LENGTH": "3"}, {"HTTP_TRANSFER_ENCODING": "chunked"}):
        assert watch(Asked(), {"REMOTE_ADDR": HERE, "wsgi.input": given, **more}) == 200
    assert inputs[0] is given
    assert [type(each) for each in inputs[1:]] == [Body, Body]
    assert traffic.under_way == {}
    assert [address for _, address in traffic.begun] == [HERE] * 3


def test_failed_request_is_not_under_way(gate: BodyGate) -> None:
    """A request that ends by an exception is forgotten too."""
    traffic = Traffic(tls=True)

    def call(protocol: Any, environ: dict[str, Any]) -> int:
        raise LookupError

    with pytest.raises(LookupError):
        watched(call, traffic, gate)(Asked(), {"REMOTE_ADDR": HERE, "wsgi.input": None})
    assert traffic.under_way == {}


def test_reads_at_once_are_each_known(gate: BodyGate) -> None:
    """Threads that enter and leave at once leave nothing behind."""

    class Quick:
        def read(self, size: int) -> bytes:
            return b"x"

    def read_often() -> None:
        for _ in range(200):
            assert Body(Quick(), gate, Asked(), HERE).read(1) == b"x"

    threads = [threading.Thread(target=read_often) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not gate.is_crowded()
    assert gate.overdue() == []
