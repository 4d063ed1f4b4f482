"""Lets the running thread of a pinned worker finish before a thread that it wakes.

With the kernel's usual policy, a thread that wakes may interrupt the one that woke it. On one CPU that costs
two switches for nothing: the interrupted thread still holds Python's lock, which the woken thread needs next.
"""

import os
from contextlib import suppress


def let_threads_finish() -> None:
    """Give this thread, and threads that it starts, the policy `SCHED_BATCH` (sched(7)).

    A policy that the operator has chosen for the server stays. Where the change is not permitted, or the
    system knows no policies, nothing happens: the server is slower, and otherwise the same.
    """
    if not hasattr(os, "sched_getscheduler"):  # musl and macOS do not have it
        return
    with suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
