"""Each worker keeps to a CPU, of its own as far as there are enough."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.machine import family, thread_cpu
from serving import cpu_affinity
from serving.cpu_affinity import keep_to_one_cpu
from tests.servers.netid import PROJECT, serving

pytestmark = pytest.mark.slow

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
    """A process that may use two CPUs, and what it says of the one it keeps to, while it lives.

    `before` is what it does first.
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
    """What a worker says that keeps to a CPU."""
    return f"{cpu} [{cpu}] {policy}"


def kept_to_none() -> str:
    """What a worker says that goes where it wants."""
    return f"None {_CPUS[:2]} {os.SCHED_OTHER}"


@needs_two_cpus
def test_each_has_another(tmp_path: Path) -> None:
    """Two workers on two CPUs keep to one each, and a third shares the first's."""
    with worker(tmp_path) as one, worker(tmp_path) as two, worker(tmp_path) as three:
        assert {one, two} == set(map(kept_to, _CPUS[:2]))
        assert three == one


@needs_two_cpus
def test_a_new_one_takes_the_place_of_one_that_died(tmp_path: Path) -> None:
    """What a worker kept to is free when it ends, however it ended."""
    with ExitStack() as stack:
        lives = stack.enter_context(worker(tmp_path))
        with worker(tmp_path) as dies:
            assert dies != lives
        assert stack.enter_context(worker(tmp_path)) == dies


@needs_two_cpus
def test_nobody_knows_who_is_where(tmp_path: Path) -> None:
    """Where nothing can be locked a worker goes where it wants, and starts."""
    with worker(tmp_path / "missing") as lost:
        assert lost == kept_to_none()


def test_servers_begin_with_different_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on one machine, which know nothing of each other, are spread over it."""
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
def test_workers_have_cores_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, siblings: dict[int, str], order: list[int]
) -> None:
    """No two share a core while another has none, however the machine numbers its CPUs."""
    monkeypatch.setattr(cpu_affinity, "_CPUS", tmp_path)
    for cpu, listed in siblings.items():
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{listed}\n")
    assert cpu_affinity._core_by_core(siblings.keys()) == order
    assert cpu_affinity._core_by_core({7, 6}) == [6, 7]


@needs_two_cpus
@pytest.mark.parametrize("wanted", ["on", "true", "off", "0"])
def test_the_server_keeps_its_workers_apart(tmp_path: Path, wanted: str) -> None:
    """A worker's threads keep to its CPU, and let others finish there, unless the operator says otherwise."""
    settings = {"NETID_WORKERS": str(len(_CPUS)), "NETID_CPU_AFFINITY": wanted}
    with serving(tmp_path / "instance", settings=settings) as server:
        workers = started(server.process.pid)
        where = [affinities(worker) for worker in workers]
        how = {os.sched_getscheduler(thread) for worker in workers for thread in thread_cpu(worker)}
    if wanted in {"off", "0"}:
        assert where == [{tuple(_CPUS)}] * len(_CPUS)
        assert how == {os.SCHED_OTHER}
    else:
        assert sorted(where, key=sorted) == [{(cpu,)} for cpu in _CPUS]
        assert how == {os.SCHED_BATCH}


@needs_two_cpus
def test_a_policy_that_was_chosen_stays(tmp_path: Path) -> None:
    """Whoever starts the server to run when nothing else does is obeyed (sched(7), `SCHED_IDLE`)."""
    with worker(tmp_path, before=_IDLE) as idle:
        assert idle in {kept_to(cpu, os.SCHED_IDLE) for cpu in _CPUS[:2]}


@needs_two_cpus
def test_a_policy_that_is_forbidden_is_done_without(tmp_path: Path) -> None:
    """Where a container lets nobody change policies, a worker keeps to its CPU all the same."""
    with worker(tmp_path, before=_FORBIDDEN) as forbidden:
        assert forbidden in {kept_to(cpu, os.SCHED_OTHER) for cpu in _CPUS[:2]}


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
