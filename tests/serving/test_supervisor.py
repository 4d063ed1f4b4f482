"""The supervisor replaces workers that die or hang."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.servers.netid import PROJECT, await_port, free_port

pytestmark = pytest.mark.slow

_PATIENCE = 20


@dataclass
class Supervised:
    """A server with tiny workers."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    failed: int = 0
    answered: int = 0
    pids: set[int] = field(default_factory=set)

    def ask(self) -> int:
        """The id of the worker that answers a new connection."""
        with urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            pid: int = json.load(answer)["pid"]
        return pid

    def workers(self) -> list[int]:
        """The ids of the supervisor's children, including dead ones that are not reaped."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def serving(self) -> set[int]:
        """The ids of the workers that answer."""
        return {self.ask() for _ in range(30)}

    def printed(self) -> list[dict[str, object]]:
        """The log."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def starts(self) -> int:
        """How many workers were started."""
        return len((self.folder / "starts").read_bytes())

    @contextmanager
    def load(self) -> Iterator[None]:
        """Ask all the time, one request after the other, and count what fails."""
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                try:
                    self.pids.add(self.ask())
                    self.answered += 1
                except (URLError, OSError):
                    self.failed += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[[int], Supervised]]:
    """Starts servers with a number of workers, and ends them."""
    started: list[subprocess.Popen[str]] = []

    def start(workers: int) -> Supervised:
        port = free_port()
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.serving.tiny", str(port), str(workers), str(tmp_path)],
                cwd=PROJECT,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        started.append(process)
        await_port(process, port, tmp_path / "log")
        return Supervised(process, port, tmp_path)

    yield start
    for process in started:
        process.terminate()
        process.wait(_PATIENCE)


def await_that(claim: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + _PATIENCE
    while not claim():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.02)


def end(process: subprocess.Popen[str]) -> float:
    """End a server by SIGTERM, and give back the seconds that it took."""
    began = time.monotonic()
    process.terminate()
    process.wait(_PATIENCE)
    return time.monotonic() - began


def test_worker_that_dies_twice_within_seconds_comes_back(supervised: Callable[[int], Supervised]) -> None:
    """The others serve on: a kill breaks only what is under way at that worker, and the server lives."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    first, second = server.workers()
    with server.load():
        for _ in range(3):
            os.kill(second, signal.SIGKILL)
            before = {first, second}
            await_that(lambda: len(set(server.workers()) - before) == 1)  # noqa: B023 - called at once
            (second,) = set(server.workers()) - before
            await_that(lambda: second in server.pids)  # noqa: B023 - as above
    # A connection that waits to be accepted by the worker that dies is reset with it.
    assert server.failed <= 3 * 3
    assert server.answered > 100
    assert server.process.poll() is None
    died = [line for line in server.printed() if line["event"] == "worker.died"]
    assert [(line["worker"], line["exit"], line["starts_again_in"]) for line in died] == [
        (2, -9, 0.1),
        (2, -9, 0.2),
        (2, -9, 0.4),
    ]


def test_all_workers_that_die_at_once_are_replaced(supervised: Callable[[int], Supervised]) -> None:
    """The server comes back from nothing."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    old = set(server.workers())
    for worker in old:
        os.kill(worker, signal.SIGKILL)
    await_that(lambda: set(server.workers()).isdisjoint(old) and answers(server))
    await_that(lambda: len(server.serving()) == 2)


def answers(server: Supervised) -> bool:
    """Whether a server answers."""
    try:
        server.ask()
    except OSError:
        return False
    return True


def test_worker_that_cannot_start_is_retried_until_it_can(supervised: Callable[[int], Supervised]) -> None:
    """The supervisor never gives up, and the other worker serves all the while."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    survivor, victim = server.workers()
    (server.folder / "refuse").touch()
    with server.load():
        os.kill(victim, signal.SIGKILL)
        # Two good starts, four that were refused, and one that may find the file gone.
        await_that(lambda: server.starts() >= 7)
        (server.folder / "refuse").unlink()
        await_that(
            lambda: len({*server.workers()} - {victim}) == 2 and server.pids.issuperset(server.workers())
        )
    assert server.failed <= 3
    assert survivor in server.pids
    events = [line["event"] for line in server.printed()]
    assert events.count("worker.cannot_start") >= 4
    assert events.count("worker.died") == events.count("worker.cannot_start") + 1


def test_dead_workers_are_reaped(supervised: Callable[[int], Supervised]) -> None:
    """No zombie is left while a worker waits for its next start."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    (server.folder / "refuse").touch()
    os.kill(server.workers()[0], signal.SIGKILL)
    await_that(lambda: server.starts() >= 5)
    await_that(lambda: len(server.workers()) == 1)


def test_sigterm_ends_a_server_whose_worker_waits(supervised: Callable[[int], Supervised]) -> None:
    """A worker's back-off does not hold up the end."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    (server.folder / "refuse").touch()
    os.kill(server.workers()[0], signal.SIGKILL)
    # Its next start is due in more than a second.
    await_that(lambda: server.starts() >= 2 + 5)
    assert end(server.process) < 1.5
    assert server.process.returncode == 0


def test_worker_that_hangs_at_its_start_delays_no_other(supervised: Callable[[int], Supervised]) -> None:
    """The others start and serve, a dead one is replaced, and SIGTERM ends all of them at once."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    (server.folder / "hang").touch()
    hanging, other = server.workers()
    os.kill(hanging, signal.SIGKILL)
    await_that(lambda: server.starts() == 3 and not (server.folder / "hang").exists())
    assert server.serving() == {other}
    os.kill(other, signal.SIGKILL)
    await_that(lambda: server.starts() == 4 and answers(server))
    assert len(server.workers()) == 2
    assert end(server.process) < 3


def test_sighup_replaces_each_worker(supervised: Callable[[int], Supervised]) -> None:
    """Workers are replaced one after the other, without a word of a death; the server answers throughout."""
    server = supervised(2)
    await_that(lambda: len(server.serving()) == 2)
    old = set(server.workers())
    with server.load():
        server.process.send_signal(signal.SIGHUP)
        await_that(lambda: len(set(server.workers()) - old) == 2 and server.pids.issuperset(server.workers()))
    assert server.failed <= 2 * 3
    assert "worker.died" not in [line["event"] for line in server.printed()]
