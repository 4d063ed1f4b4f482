"""A log without a reader blocks no request."""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TextIO, cast

import pytest

from telemetry import Log, open_log

LINES, READS = 3000, 100
WORDS = "x" * 200
DESCRIPTORS = Path("/proc/self/fd")


def pipe() -> tuple[int, TextIO]:
    """A pipe: its reading end, and its stream."""
    read, write = os.pipe()
    return read, os.fdopen(write, "w")


def socket_pair() -> tuple[int, TextIO]:
    """A stream socket, as a service manager passes for standard error."""
    one, other = socket.socketpair()
    return one.detach(), os.fdopen(other.detach(), "w")


def terminal() -> tuple[int, TextIO]:
    """A terminal whose output is stopped."""
    read, write = os.openpty()
    return read, os.fdopen(write, "w")


@pytest.fixture(params=[pipe, socket_pair, terminal])
def stuck(request: pytest.FixtureRequest) -> Iterator[tuple[int, TextIO]]:
    """The reading end, and a stream without a reader yet."""
    make: Callable[[], tuple[int, TextIO]] = request.param
    read, stream = make()
    os.set_blocking(read, False)
    yield read, stream
    with suppress(OSError):
        stream.close()
    os.close(read)


def read_all(descriptor: int, log: Log) -> list[dict[str, object]]:
    """Read every line, while more lines are logged."""
    text = b""
    for _ in range(READS):
        log.info("read again")
        with suppress(BlockingIOError):
            while part := os.read(descriptor, 65536):
                text += part
    return [json.loads(line) for line in text.splitlines()]


def write_much(stream: TextIO) -> Log:
    """The log of a stream after more was written than it holds, if the writes returned."""
    log = open_log(stream)

    def write() -> None:
        for number in range(LINES):
            log.info("token.issued", number=number, words=WORDS)

    writer = Thread(target=write, daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive()
    return log


def test_write_to_a_full_pipe_does_not_block(stuck: tuple[int, TextIO]) -> None:
    """The pipe, socket or terminal is full. No line is cut in two."""
    read, stream = stuck
    log = write_much(stream)
    lines = read_all(read, log)
    numbers = [line["number"] for line in lines if "number" in line]
    assert 0 < len(numbers) < LINES
    assert numbers == list(range(len(numbers)))


def test_dropped_lines_are_counted(stuck: tuple[int, TextIO]) -> None:
    """After a reader returns, the log states how many lines were dropped."""
    read, stream = stuck
    lines = read_all(read, write_much(stream))
    lost = [cast("int", line["lines"]) for line in lines if line["event"] == "log.lost"]
    assert sum(lost) == LINES + READS - (len(lines) - len(lost)) > 0
    assert lines[-1]["event"] == "read again"


def test_shared_descriptor_stays_blocking(stuck: tuple[int, TextIO]) -> None:
    """Other processes that share the descriptor do not see O_NONBLOCK."""
    _, stream = stuck
    write_much(stream)
    assert not fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK


def test_collected_log_leaves_no_descriptor_open(stuck: tuple[int, TextIO]) -> None:
    """A log that was garbage-collected holds no descriptor."""
    before = len(list(DESCRIPTORS.iterdir()))
    open_log(stuck[1])
    assert len(list(DESCRIPTORS.iterdir())) == before


def test_lines_follow_the_buffered_text_of_a_file(tmp_path: Path) -> None:
    """A line is in the file at once and in order, behind the text that the stream has buffered."""
    path = tmp_path / "log"
    with path.open("w") as stream:
        stream.write("from before\n")
        open_log(stream).info("token.issued")
        first, second = path.read_text().splitlines()
    assert (first, json.loads(second)["event"]) == ("from before", "token.issued")
