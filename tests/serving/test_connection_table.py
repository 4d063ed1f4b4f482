"""Which connections a worker ends. The tests choose the data of the kernel and the requests."""

from dataclasses import replace

import pytest

from serving.connections.connection_table import ConnectionTable
from serving.connections.request_tracker import RequestTracker
from serving.connections.sockets import Connection

HERE, THERE = "192.0.2.1", "198.51.100.7"
SILENT = Connection(1, 11, HERE, received=0, has_sent=False, since_received=0.0, since_sent=0.0)


class Worker:
    """A worker of two threads that takes 16 connections, looked at once a second."""

    def __init__(self, *, tls: bool = False, limit: int = 16) -> None:
        self.requests = RequestTracker(tls=tls, kept=3)
        self.table = ConnectionTable(self.requests, 2, limit, tls=tls, first_request=10)
        self.now = 1000.0

    def look(self, *connections: Connection) -> list[tuple[int, str]]:
        """Let a second pass, and judge."""
        self.now += 1
        return [(each.identity, why) for each, why in self.table.overdue(connections, self.now)]

    def looks(self, seconds: int, connection: Connection) -> list[tuple[int, str]]:
        """Inspect an idle connection several times, and return what the last inspection ends."""
        ended: list[tuple[int, str]] = []
        for passed in range(1, seconds + 1):
            assert ended == []
            ended = self.look(
                replace(
                    connection,
                    since_received=connection.since_received + passed,
                    since_sent=connection.since_sent + passed,
                )
            )
        return ended

    def begin(self, address: str = HERE, *, ago: float = 0.0) -> object:
        """Let a request begin."""
        request = object()
        self.requests.in_progress[request] = (self.now - ago, address)
        self.requests.recent.append((self.now - ago, address))
        return request


def test_silent_connection_ends() -> None:
    """A connection that has sent nothing ends after 10 seconds, and not before."""
    worker = Worker()
    assert worker.looks(9, SILENT) == []
    assert worker.look(replace(SILENT, since_received=10, since_sent=10)) == [(1, "no_request")]


def test_half_a_head_ends() -> None:
    """A connection that sent a part of a head, or sends it byte by byte, ends after 10 seconds too."""
    worker = Worker()
    assert worker.looks(10, replace(SILENT, received=5)) == []
    assert worker.looks(1, replace(SILENT, received=6)) == [(1, "no_request")]


def test_connection_that_was_answered_stays() -> None:
    """Between requests a client may pause: the HTTP server ends it after its own, longer time."""
    worker = Worker()
    assert worker.looks(50, replace(SILENT, received=300, has_sent=True, since_received=0.01)) == []


def test_first_request_that_takes_long_is_never_cut() -> None:
    """A connection whose first request is under way stays, however long that takes."""
    worker = Worker()
    worker.begin()
    assert worker.looks(60, replace(SILENT, received=300)) == []


def test_request_that_waits_for_a_thread_is_never_cut() -> None:
    """While every thread is busy, a request may wait that is not tracked yet."""
    worker = Worker()
    busy = [worker.begin(THERE), worker.begin(THERE)]
    waiting = replace(SILENT, received=300)
    assert worker.looks(30, waiting) == []
    for each in busy:
        del worker.requests.in_progress[each]
    worker.begin()
    assert worker.look(replace(waiting, since_received=31, since_sent=31)) == []
    assert worker.look(replace(waiting, since_received=32, since_sent=32)) == []


def test_request_of_another_address_does_not_keep_a_connection() -> None:
    """Requests of other connections do not keep a connection without a request."""
    worker = Worker()
    worker.begin(THERE)
    assert worker.looks(11, replace(SILENT, received=5)) == [(1, "no_request")]


def test_tls_handshake_does_not_count_as_a_request() -> None:
    """A connection that has ended its TLS handshake and sends nothing ends after 10 seconds."""
    worker = Worker(tls=True)
    greeted = replace(SILENT, received=600, has_sent=True, since_received=0.001)
    assert worker.looks(10, greeted) == []
    assert worker.look(replace(greeted, since_received=11, since_sent=11)) == [(1, "no_request")]


def test_request_over_tls_is_distinguished_from_a_handshake() -> None:
    """A request that began when the connection had received something counts as its own."""
    worker = Worker(tls=True)
    request = worker.begin()
    del worker.requests.in_progress[request]
    assert worker.looks(50, replace(SILENT, received=600, has_sent=True, since_received=0.01)) == []


def test_request_between_two_inspections_is_noticed() -> None:
    """Bytes may be seen at a look before the request that they make has begun."""
    worker = Worker(tls=True)
    asking = replace(SILENT, received=600, has_sent=True)
    assert worker.look(asking) == []
    request = worker.begin()
    del worker.requests.in_progress[request]
    assert worker.looks(50, replace(asking, since_sent=-0.05)) == []


def test_connection_stays_if_older_requests_are_not_remembered() -> None:
    """If a connection's request may be forgotten already, the connection counts as active."""
    worker = Worker(tls=True)
    worker.now += 1
    for _ in range(3):
        del worker.requests.in_progress[worker.begin(THERE, ago=0.5)]
    worker.now -= 1
    greeted = replace(SILENT, received=600, has_sent=True, since_received=-0.3, since_sent=-0.3)
    assert worker.looks(50, greeted) == []


def crowd(count: int, *, idle: float = 5.0) -> list[Connection]:
    """Connections that were answered, each idle a little longer than the next one."""
    asked = replace(SILENT, received=300, has_sent=True)
    return [
        replace(
            asked, identity=number, since_received=idle - number / 100 + 0.01, since_sent=idle - number / 100
        )
        for number in range(count)
    ]


def test_longest_idle_connections_make_room() -> None:
    """Near the limit the connections that were idle longest end, so that a client can always connect."""
    worker = Worker()
    assert worker.look(*crowd(14)) == []
    assert worker.look(*crowd(16)) == [(0, "full"), (1, "full")]


@pytest.mark.parametrize("tls", [False, True])
def test_connection_with_a_request_makes_no_room(*, tls: bool) -> None:
    """A connection whose request is under way never ends for another one."""
    worker = Worker(tls=tls)
    worker.begin(ago=5)
    working = replace(SILENT, identity=99, received=300, has_sent=True, since_received=5, since_sent=20)
    assert worker.look(working, *crowd(15)) == [(0, "full"), (1, "full")]


def test_request_within_the_tick_of_an_answer_makes_no_room() -> None:
    """A connection whose last answer and next request have the same time may have a request under way."""
    worker = Worker()
    worker.begin(ago=5)
    working = replace(SILENT, identity=99, received=300, has_sent=True, since_received=6, since_sent=6)
    assert worker.look(working, *crowd(15)) == [(0, "full"), (1, "full")]


def test_half_heads_make_room() -> None:
    """Connections that were answered once and then send half a head are no way to fill a worker."""
    worker = Worker()
    worker.begin(ago=0.1)
    half = replace(SILENT, received=300, has_sent=True, since_received=8, since_sent=9)
    halves = [replace(half, identity=number) for number in range(16)]
    assert len(worker.look(*halves)) == 2


def test_nearly_full_table_is_reported() -> None:
    """A worker that is nearly full is looked at again soon."""
    table = Worker().table
    assert not table.is_nearly_full(12)
    assert table.is_nearly_full(13)
