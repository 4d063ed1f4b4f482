"""Each worker keeps to a CPU of its own where every CPU has one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.machine import family, thread_cpu
from tests.servers.netid import PROJECT, serving

_CPUS = sorted(os.sched_getaffinity(0))
_WORKER = """
import os, sys
from pathlib import Path
from app_cpu import keep_to_one_cpu
os.sched_setaffinity(0, {int(cpu) for cpu in sys.argv[3].split(",")})
kept = keep_to_one_cpu(Path(sys.argv[1]), int(sys.argv[2]))
print(kept, sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0), flush=True)
sys.stdin.read()
"""
_IDLE = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
_FORBIDDEN = """
import os
def forbidden(*_):
    raise PermissionError("Operation not permitted")
os.sched_setscheduler = forbidden
"""
needs_two_cpus = pytest.mark.skipif(len(_CPUS) < 2, reason="two CPUs are wanted")


@contextmanager
def worker(instance: Path, workers: int, *, before: str = "") -> Iterator[str]:
    """A process that may use two CPUs, and what it says of the one it keeps to, while it lives.

    `before` is what it does first.
    """
    arguments = [str(instance), str(workers), ",".join(map(str, _CPUS[:2]))]
    with subprocess.Popen(
        [sys.executable, "-c", before + _WORKER, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def kept_to(cpu: int, policy: int = os.SCHED_BATCH) -> str:
    """What a worker says that keeps to a CPU."""
    return f"{cpu} [{cpu}] {policy}"


def kept_to_none() -> str:
    """What a worker says that goes where it wants."""
    return f"None {_CPUS[:2]} {os.SCHED_OTHER}"


@needs_two_cpus
def test_each_has_another(tmp_path: Path) -> None:
    """Two workers on two CPUs keep to one each, and a third shares the first's."""
    first, second = _CPUS[:2]
    with worker(tmp_path, 3) as one, worker(tmp_path, 3) as two, worker(tmp_path, 3) as three:
        assert [one, two, three] == [kept_to(first), kept_to(second), kept_to(first)]


@needs_two_cpus
def test_a_new_one_takes_the_place_of_one_that_died(tmp_path: Path) -> None:
    """What a worker kept to is free when it ends, however it ended."""
    with ExitStack() as stack:
        assert stack.enter_context(worker(tmp_path, 2)) == kept_to(_CPUS[0])
        with worker(tmp_path, 2) as dies:
            assert dies == kept_to(_CPUS[1])
        assert stack.enter_context(worker(tmp_path, 2)) == kept_to(_CPUS[1])


@needs_two_cpus
def test_few_go_where_they_want(tmp_path: Path) -> None:
    """With fewer workers than CPUs the kernel chooses."""
    with worker(tmp_path, 1) as alone:
        assert alone == kept_to_none()


@needs_two_cpus
def test_nobody_knows_who_is_where(tmp_path: Path) -> None:
    """Where nothing can be locked a worker goes where it wants, and starts."""
    with worker(tmp_path / "missing", 2) as lost:
        assert lost == kept_to_none()


@needs_two_cpus
@pytest.mark.parametrize("wanted", ["on", "off"])
def test_the_server_keeps_its_workers_apart(tmp_path: Path, wanted: str) -> None:
    """A worker's threads keep to its CPU, and let others finish there, unless the operator says otherwise."""
    settings = {"NETID_WORKERS": str(len(_CPUS)), "NETID_CPU_AFFINITY": wanted}
    with serving(tmp_path / "instance", settings=settings) as server:
        workers = started(server.process.pid)
        where = [affinities(worker) for worker in workers]
        how = {os.sched_getscheduler(thread) for worker in workers for thread in thread_cpu(worker)}
    if wanted == "off":
        assert where == [{tuple(_CPUS)}] * len(_CPUS)
        assert how == {os.SCHED_OTHER}
    else:
        assert sorted(where, key=sorted) == [{(cpu,)} for cpu in _CPUS]
        assert how == {os.SCHED_BATCH}


@needs_two_cpus
def test_a_policy_that_was_chosen_stays(tmp_path: Path) -> None:
    """Whoever starts the server to run when nothing else does is obeyed (sched(7), `SCHED_IDLE`)."""
    with worker(tmp_path, 2) as usual, worker(tmp_path, 2, before=_IDLE) as idle:
        assert (usual, idle) == (kept_to(_CPUS[0]), kept_to(_CPUS[1], os.SCHED_IDLE))


@needs_two_cpus
def test_a_policy_that_is_forbidden_is_done_without(tmp_path: Path) -> None:
    """Where a container lets nobody change policies, a worker keeps to its CPU all the same."""
    with worker(tmp_path, 2, before=_FORBIDDEN) as forbidden:
        assert forbidden == kept_to(_CPUS[0], os.SCHED_OTHER)


def started(server: int) -> list[int]:
    """A server's workers, when each has started its threads."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = family(server)[1:]
        if len(workers) == len(_CPUS) and all(len(thread_cpu(worker)) > 2 for worker in workers):
            return workers
        time.sleep(0.02)
    raise AssertionError("the workers did not start")


def affinities(pid: int) -> set[tuple[int, ...]]:
    """The CPUs that threads of a process keep to."""
    return {tuple(sorted(os.sched_getaffinity(thread))) for thread in thread_cpu(pid)}
