"""How many threads incomplete bodies may hold, and for how long. The tests move the clock."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from serving.connections.body_limit import Body, BodyLimit
from serving.connections.request_tracker import RequestTracker, tracked

HERE, THERE = "192.0.2.1", "198.51.100.7"


@dataclass(eq=False)
class Asked:
    """granian's protocol object, as far as the limit uses it."""

    answers: list[tuple[int, list[tuple[str, str]], bytes]] = field(default_factory=list)

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: Iterator[bytes]) -> None:
        """Keep an answer."""
        self.answers.append((status, headers, b"".join(body)))


class Stands:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        """The time at which it stands."""
        return self.now


@pytest.fixture
def clock() -> Stands:
    """A clock for the bodies."""
    return Stands()


@pytest.fixture
def bodies(clock: Stands) -> BodyLimit:
    """The limit of a worker of 6 threads, of which bodies may hold 4."""
    return BodyLimit(6, deadline=10, patience=0.1, clock=clock)


def enter(
    bodies: BodyLimit, clock: Stands, count: int, address: str = HERE, *, apart: float = 0.01
) -> list[Asked]:
    """Let bodies begin, one after the other."""
    began = []
    for _ in range(count):
        began.append(Asked())
        bodies.enter(began[-1], clock.now, address)
        clock.now += apart
    return began


def test_body_past_its_deadline_ends(bodies: BodyLimit, clock: Stands) -> None:
    """A single slow body is answered 408 after its deadline and not before (RFC 9110, 15.5.9)."""
    [slow] = enter(bodies, clock, 1, apart=0)
    clock.now += 9.9
    assert bodies.overdue() == []
    clock.now += 0.1
    [overdue] = bodies.overdue()
    assert bodies.end(overdue)
    [(status, headers, body)] = slow.answers
    assert status == 408
    assert ("Connection", "close") in headers
    # One byte too few makes the HTTP server give up the connection.
    assert ("Content-Length", str(len(body) + 1)) in headers


def test_body_has_less_time_in_a_worker_that_ends(bodies: BodyLimit, clock: Stands) -> None:
    """A worker that must end waits at most 2 seconds for a slow body."""
    enter(bodies, clock, 1, apart=1.9)
    bodies.hasten()
    assert bodies.crowded.is_set()
    assert bodies.overdue() == []
    clock.now += 0.1
    assert [each.status for each in bodies.overdue()] == [408]


def test_bodies_up_to_the_limit_keep_their_threads(bodies: BodyLimit, clock: Stands) -> None:
    """Four slow bodies keep their four threads until the deadline."""
    enter(bodies, clock, 4)
    clock.now += 5
    assert not bodies.is_crowded()
    assert bodies.overdue() == []


def test_oldest_bodies_beyond_the_limit_end(bodies: BodyLimit, clock: Stands) -> None:
    """Of six the two oldest are answered 503, once each has had a moment to become whole."""
    began = enter(bodies, clock, 6)
    assert bodies.is_crowded()
    assert bodies.crowded.is_set()
    assert bodies.overdue() == []
    clock.now += 0.1
    ended = bodies.overdue()
    assert [each.protocol for each in ended] == began[:2]
    assert {each.status for each in ended} == {503}


def test_bodies_of_the_address_with_most_of_them_end_first(bodies: BodyLimit, clock: Stands) -> None:
    """One sender with five slow bodies does not end the older one of another."""
    [other] = enter(bodies, clock, 1, THERE)
    many = enter(bodies, clock, 5)
    clock.now += 0.1
    ended = [each.protocol for each in bodies.overdue()]
    assert other not in ended
    assert ended == many[:2]


def test_body_that_became_whole_is_not_ended(bodies: BodyLimit, clock: Stands) -> None:
    """A read that is complete at the same moment succeeds: the request has one answer."""
    [slow] = enter(bodies, clock, 1)
    clock.now += 10
    [overdue] = bodies.overdue()
    assert bodies.leave(slow)
    assert not bodies.end(overdue)
    assert slow.answers == []


def test_read_of_an_ended_body_fails(bodies: BodyLimit, clock: Stands) -> None:
    """The application never sees half a body as a whole one."""
    protocol = Asked()

    class Stuck:
        def read(self, size: int) -> bytes:
            clock.now += 10
            [overdue] = bodies.overdue()
            bodies.end(overdue)
            return b"grant_type=pass"

    with pytest.raises(ConnectionAbortedError):
        Body(Stuck(), bodies, protocol, HERE).read(100)
    assert len(protocol.answers) == 1


def test_deadline_is_that_of_the_whole_body(bodies: BodyLimit, clock: Stands) -> None:
    """A body that takes many reads has no more time than a body that takes one."""
    ages = []

    class Parts:
        def read(self, size: int) -> bytes:
            clock.now += 6
            ages.append(len(bodies.overdue()))
            return b"x"

    body = Body(Parts(), bodies, Asked(), HERE)
    assert body.read(1) == b"x"
    assert body.read(1) == b"x"
    assert ages == [0, 1]


def test_request_without_a_body_is_not_watched(bodies: BodyLimit) -> None:
    """Only a request that announces a body has its input watched (RFC 9112, 6)."""
    requests, inputs = RequestTracker(tls=True), []

    def call(protocol: Any, environ: dict[str, Any]) -> int:
        assert list(requests.in_progress) == [protocol]
        inputs.append(environ["wsgi.input"])
        return 200

    watch, given = tracked(call, requests, bodies), object()
    for more in ({}, {"CONTENT_LENGTH": "3"}, {"HTTP_TRANSFER_ENCODING": "chunked"}):
        assert watch(Asked(), {"REMOTE_ADDR": HERE, "wsgi.input": given, **more}) == 200
    assert inputs[0] is given
    assert [type(each) for each in inputs[1:]] == [Body, Body]
    assert requests.in_progress == {}
    assert [address for _, address in requests.recent] == [HERE] * 3


def test_failed_request_is_not_in_progress(bodies: BodyLimit) -> None:
    """A request that ends by an exception is forgotten too."""
    requests = RequestTracker(tls=True)

    def call(protocol: Any, environ: dict[str, Any]) -> int:
        raise LookupError

    with pytest.raises(LookupError):
        tracked(call, requests, bodies)(Asked(), {"REMOTE_ADDR": HERE, "wsgi.input": None})
    assert requests.in_progress == {}


def test_concurrent_reads_leave_no_entry(bodies: BodyLimit) -> None:
    """Threads that enter and leave at once leave nothing behind."""

    class Quick:
        def read(self, size: int) -> bytes:
            return b"x"

    def read_often() -> None:
        for _ in range(200):
            assert Body(Quick(), bodies, Asked(), HERE).read(1) == b"x"

    threads = [threading.Thread(target=read_often) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not bodies.is_crowded()
    assert bodies.overdue() == []
