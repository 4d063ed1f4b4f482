"""Pins each worker process to one CPU.

Python runs one thread of a process at a time. Threads on several CPUs pass Python's lock and the process's
memory from one CPU to another, at half the speed. The kernel moves single threads between CPUs, but never all
threads of one process together. A process that is pinned keeps its lock and memory in the caches of one CPU.

A service manager that assigns CPUs itself knows the machine better, so `auto` then leaves workers alone.
"""

import fcntl
import os
import socket
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import count
from pathlib import Path
from typing import Literal
from zlib import crc32

_NUMBERS = "workers.lock"
_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def is_wanted(
    setting: Literal["auto", "on", "off"],
    environ: Mapping[str, str] = os.environ,
    *,
    cgroups: Path = _CGROUPS,
    own_cgroups: Path = _OWN_CGROUPS,
    cpus: Path = _CPUS,
) -> bool:
    """Tell whether workers are to be pinned.

    Args:
        setting: What the operator set. `auto` pins unless something else controls the CPUs of this process.
        environ: The environment; Kubernetes sets `KUBERNETES_SERVICE_HOST` in every container.
        cgroups: Where control groups of version 2 are mounted.
        own_cgroups: The file that names the group of this process (cgroups(7)).
        cpus: Where the kernel describes the CPUs.
    """
    if setting != "auto":
        return setting == "on"
    if "KUBERNETES_SERVICE_HOST" in environ or not hasattr(os, "sched_getaffinity"):
        return False
    return not _is_limited(cgroups, own_cgroups) and not _is_confined(cpus)


def keep_to_one_cpu(instance: Path) -> int | None:
    """Pin this process, and threads that it starts, to one of the CPUs that it may use.

    Args:
        instance: The instance folder. Each worker locks a number in a file there until it ends.

    Returns:
        The CPU, or None where the process is not pinned because the numbers in use are not known.
    """
    if not hasattr(os, "sched_setaffinity"):  # Linux alone has it
        return None
    cpus = order_by_core(os.sched_getaffinity(0))
    # Servers on one machine do not know of each other: each starts at a CPU that depends on its name.
    first = crc32(f"{socket.gethostname()}:{instance}".encode(errors="surrogateescape"))
    try:
        cpu = cpus[(first + _number(instance / _NUMBERS)) % len(cpus)]
        os.sched_setaffinity(0, {cpu})
    except OSError:
        return None
    return cpu


def order_by_core(cpus: AbstractSet[int], topology: Path = _CPUS) -> list[int]:
    """Order CPUs so that neighbours are on different cores, as far as the cores are known.

    Args:
        cpus: The numbers of the CPUs.
        topology: Where the kernel describes the CPUs (sysfs).
    """
    return sorted(cpus, key=lambda cpu: (_lower_siblings(cpu, cpus, topology), cpu))


def _lower_siblings(cpu: int, cpus: AbstractSet[int], topology: Path) -> int:
    """Count those of `cpus` with a lower number on the same core (sysfs: `thread_siblings_list`)."""
    siblings = _numbers(_text(topology / f"cpu{cpu}" / "topology" / "thread_siblings_list"))
    return sum(number < cpu for number in siblings & cpus)


def _is_limited(cgroups: Path, own_cgroups: Path) -> bool:
    """Whether a control group of this process has a quota (`cpu.max`) or a list of CPUs (`cpuset.cpus`)."""
    own = next((line[3:] for line in _text(own_cgroups).splitlines() if line.startswith("0::")), "/")
    # A group outside the namespace of this process shows as a path with `..`.
    group = cgroups if ".." in own else cgroups / own.strip("/")
    while True:
        quota = _text(group / "cpu.max").split()
        if (quota and quota[0] != "max") or _text(group / "cpuset.cpus").strip():
            return True
        if group == cgroups or cgroups not in group.parents:
            return False
        group = group.parent


def _is_confined(cpus: Path) -> bool:
    """Whether this process may use only some of the CPUs, as with systemd's `CPUAffinity=` or taskset."""
    online = _numbers(_text(cpus / "online"))
    return bool(online - os.sched_getaffinity(0))


def _text(file: Path) -> str:
    """Read a file of the kernel; one that is missing or unreadable is empty."""
    try:
        return file.read_text("ascii")
    except (OSError, ValueError):
        return ""


def _numbers(listed: str) -> set[int]:
    """Read a list of CPUs, such as `0-3,8` (cpuset(7)); one that cannot be read is empty."""
    try:
        ranges = [part.partition("-") for part in listed.strip().split(",")]
        return {number for low, _, high in ranges for number in range(int(low), int(high or low) + 1)}
    except ValueError:
        return set()


def _number(path: Path) -> int:
    """Lock the lowest number that no other process has, until this process ends."""
    # The file stays open: closing it would release the lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for number in count():
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):
            continue
        return number
    raise AssertionError("there is always another number")
