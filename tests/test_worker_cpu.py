"""Each worker is pinned to one CPU, and shares it only if there are too few."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from bench.machine import family, thread_cpu
from serving.cpu_affinity import keep_to_one_cpu, order_by_core
from tests.servers.netid import PROJECT, serving

pytestmark = pytest.mark.slow

Answer = TypeVar("Answer")
_CPUS = sorted(os.sched_getaffinity(0))
_WORKER = """
import os, sys
from pathlib import Path
from serving import cpu_affinity, scheduling
os.sched_setaffinity(0, {int(cpu) for cpu in sys.argv[2].split(",")})
kept = cpu_affinity.keep_to_one_cpu(Path(sys.argv[1]))
if kept is not None:
    scheduling.let_threads_finish()
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
def worker(instance: Path, *, before: str = "") -> Iterator[str]:
    """Run a process that may use two CPUs, and yield what it prints about its CPU and policy.

    `before` is code that it runs first.
    """
    arguments = [str(instance), ",".join(map(str, _CPUS[:2]))]
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
    """The line of a worker that is pinned to a CPU."""
    return f"{cpu} [{cpu}] {policy}"


def kept_to_none() -> str:
    """The line of a worker that is not pinned."""
    return f"None {_CPUS[:2]} {os.SCHED_OTHER}"


@needs_two_cpus
def test_each_worker_is_pinned_to_another_cpu(tmp_path: Path) -> None:
    """Two workers on two CPUs are pinned to one each, and a third shares the CPU of the first."""
    with worker(tmp_path) as one, worker(tmp_path) as two, worker(tmp_path) as three:
        assert {one, two} == set(map(kept_to, _CPUS[:2]))
        assert three == one


@needs_two_cpus
def test_new_worker_takes_the_cpu_of_one_that_died(tmp_path: Path) -> None:
    """The CPU of a worker is free once the worker has ended, however it ended."""
    with ExitStack() as stack:
        lives = stack.enter_context(worker(tmp_path))
        with worker(tmp_path) as dies:
            assert dies != lives
        assert stack.enter_context(worker(tmp_path)) == dies


@needs_two_cpus
def test_worker_is_not_pinned_if_numbers_cannot_be_locked(tmp_path: Path) -> None:
    """If the file of numbers cannot be locked, the worker starts, and is not pinned."""
    with worker(tmp_path / "missing") as lost:
        assert lost == kept_to_none()


def test_servers_start_at_different_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on one machine do not know of each other, and are spread over its CPUs."""
    taken: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: taken.append(cpus))
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    for number in range(16):
        (instance := tmp_path / str(number)).mkdir()
        keep_to_one_cpu(instance)
    assert len(set(map(frozenset, taken))) > 4


@pytest.mark.parametrize(
    ("siblings", "order"),
    [
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, [0, 2, 1, 3]),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, [0, 1, 2, 3]),
        ({0: "0-1,4-5", 1: "0-1,4-5", 2: "2", 5: "0-1,4-5"}, [0, 2, 1, 5]),
        ({0: "0-1", 1: "0-1", 3: "2-3"}, [0, 3, 1]),
        ({0: "0", 1: "?", 2: "0"}, [0, 1, 2]),
        ({}, []),
    ],
)
def test_neighbours_in_the_order_of_cpus_are_on_different_cores(
    tmp_path: Path, siblings: dict[int, str], order: list[int]
) -> None:
    """No two workers share a core while another core is free, however CPUs are numbered."""
    for cpu, listed in siblings.items():
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{listed}\n")
    assert order_by_core(siblings.keys(), tmp_path) == order
    assert order_by_core({7, 6}, tmp_path) == [6, 7]


@needs_two_cpus
@pytest.mark.parametrize("wanted", ["on", "true", "off", "0"])
def test_workers_of_a_server_are_pinned_as_set(tmp_path: Path, wanted: str) -> None:
    """A worker's threads are pinned and have `SCHED_BATCH`, unless the operator switches it off."""
    settings = {"NETID_WORKERS": str(len(_CPUS)), "NETID_CPU_AFFINITY": wanted}
    with serving(tmp_path / "instance", settings=settings) as server:
        workers = started(server.process.pid)
        where = [{tuple(sorted(cpus)) for cpus in ask_threads(w, os.sched_getaffinity)} for w in workers]
        how = {policy for worker in workers for policy in ask_threads(worker, os.sched_getscheduler)}
    if wanted in {"off", "0"}:
        assert where == [{tuple(_CPUS)}] * len(_CPUS)
        assert how == {os.SCHED_OTHER}
    else:
        assert sorted(where, key=sorted) == [{(cpu,)} for cpu in _CPUS]
        assert how == {os.SCHED_BATCH}


@needs_two_cpus
def test_scheduling_policy_of_the_operator_stays(tmp_path: Path) -> None:
    """A server that was started with `SCHED_IDLE` keeps this policy (sched(7))."""
    with worker(tmp_path, before=_IDLE) as idle:
        assert idle in {kept_to(cpu, os.SCHED_IDLE) for cpu in _CPUS[:2]}


@needs_two_cpus
def test_worker_is_pinned_if_policies_cannot_be_changed(tmp_path: Path) -> None:
    """If a container forbids changing the policy, a worker is pinned all the same."""
    with worker(tmp_path, before=_FORBIDDEN) as forbidden:
        assert forbidden in {kept_to(cpu, os.SCHED_OTHER) for cpu in _CPUS[:2]}


def started(server: int) -> list[int]:
    """Wait until each worker of a server has started its threads, and return the workers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = family(server)[1:]
        if len(workers) == len(_CPUS) and all(len(thread_cpu(worker)) > 2 for worker in workers):
            return workers
        time.sleep(0.02)
    raise AssertionError("the workers did not start")


def ask_threads(pid: int, ask: Callable[[int], Answer]) -> Iterator[Answer]:
    """What the kernel says of each thread of a process. A thread may end before it is asked about."""
    for thread in thread_cpu(pid):
        with suppress(ProcessLookupError):
            yield ask(thread)
