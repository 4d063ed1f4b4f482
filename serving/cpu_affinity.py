"""A CPU for each worker process.

Threads of a process that run on several CPUs hand its lock and its memory from one to the other, at half of
the speed. The kernel moves whatever else there is out of the way of those that cannot move, but never all the
threads of one process together.

And on one CPU a thread that wakes another is not to be interrupted by it: it still holds the lock that the
other wants next, so both would be switched to twice.
"""

import fcntl
import os
import socket
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import count
from pathlib import Path
from zlib import crc32

_NUMBERS = "workers.lock"
_CPUS = Path("/sys/devices/system/cpu")


def keep_to_one_cpu(instance: Path) -> int | None:
    """Keep this process, and threads that it starts, to one CPU of those that it may use.

    Args:
        instance: the instance folder; which workers have which number is locked there, until they end.

    Returns:
        The CPU, or None where it keeps to none: nobody can say which are taken.
    """
    if not hasattr(os, "sched_setaffinity"):  # Linux alone has it
        return None
    cpus = _core_by_core(os.sched_getaffinity(0))
    # Servers that know nothing of each other do not all begin with the same one.
    first = crc32(f"{socket.gethostname()}:{instance}".encode(errors="surrogateescape"))
    try:
        cpu = cpus[(first + _number(instance / _NUMBERS)) % len(cpus)]
        os.sched_setaffinity(0, {cpu})
    except OSError:
        return None
    _let_threads_finish()
    return cpu


def _let_threads_finish() -> None:
    """Have threads that this one starts wait for their turn when they wake (sched(7), `SCHED_BATCH`)."""
    # Not everybody may, and musl knows no policies at all.
    with suppress(OSError):
        # Whoever has chosen another one for the server keeps it.
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _core_by_core(cpus: AbstractSet[int]) -> list[int]:
    """The CPUs in an order in which neighbours are of different cores, as far as that is known."""
    return sorted(cpus, key=lambda cpu: (_place_in_core(cpu, cpus), cpu))


def _place_in_core(cpu: int, cpus: AbstractSet[int]) -> int:
    """How many of `cpus` that are of the same core have a lower number (sysfs: `thread_siblings_list`)."""
    try:
        listed = (_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text("ascii").strip()
        ranges = [part.partition("-") for part in listed.split(",")]
        siblings = {number for low, _, high in ranges for number in range(int(low), int(high or low) + 1)}
        return sum(number < cpu for number in siblings & cpus)
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int:
    """The lowest number that no other process has; it stays ours until this process ends."""
    # Never closed: that would give the number away.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for number in count():
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):
            continue
        return number
    raise AssertionError("there is always another number")
