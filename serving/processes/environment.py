"""Secrets leave the environment of a process once they have been read."""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress


def forget_variables(names: Iterable[str]) -> None:
    """Remove variables from this process's environment, and from that of every process that it starts.

    `/proc/PID/environ` shows the memory that held a process's first environment, and a forked process has a
    copy of it. `unsetenv` leaves that memory as it is, so the values are overwritten there first.

    Args:
        names: The variables; those that are not set are passed over.
    """
    for name in names:
        if name in os.environ:
            _overwrite(name)
            del os.environ[name]


def _overwrite(name: str) -> None:
    """Overwrite a value where the C library keeps it, as far as it can be found."""
    # A system without these symbols keeps the old bytes in its memory, and the variable goes all the same.
    with suppress(OSError, AttributeError):
        getenv = ctypes.CDLL(None).getenv
        getenv.restype, getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        if address := getenv(os.fsencode(name)):
            ctypes.memset(address, 0, len(ctypes.string_at(address)))
