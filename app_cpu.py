"""A CPU for each worker process, where there are as many workers as CPUs.

Threads of a process that run on several CPUs hand its lock and its memory from one to the other. Where every
CPU has a worker none is left without; with fewer workers the kernel chooses better than we could.

And on one CPU a thread that wakes another is not to be interrupted by it: it still holds the lock that the
other wants next, so both would be switched to twice.
"""

import fcntl
import os
from contextlib import suppress
from itertools import count
from pathlib import Path

_NUMBERS = "workers.lock"


def keep_to_one_cpu(instance: Path, workers: int) -> int | None:
    """Keep this process, and threads that it starts, to one CPU of those that it may use.

    Args:
        instance: the instance folder; which workers have which number is locked there, until they end.
        workers: how many worker processes there are.

    Returns:
        The CPU, or None where it keeps to none: there are fewer workers than CPUs, or nobody can say which
        are taken.
    """
    if not hasattr(os, "sched_setaffinity"):  # Linux alone has it
        return None
    cpus = sorted(os.sched_getaffinity(0))
    if not 1 < len(cpus) <= workers:
        return None
    try:
        cpu = cpus[_number(instance / _NUMBERS) % len(cpus)]
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
