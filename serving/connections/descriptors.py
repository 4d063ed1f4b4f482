"""How many files and connections a process may have open."""

import resource
from contextlib import suppress

# For the database, the directory, the log and the like.
_OTHERS = 256


def allow_descriptors(connections: int) -> int:
    """Raise this process's soft limit so that it can have this many connections beside its other files.

    Args:
        connections: how many clients' connections a process takes.

    Returns:
        For how many connections there is room: fewer where the hard limit is too low (`ulimit -Hn`).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Handshakes that have not ended are no connections yet for the HTTP server, and come on top.
    wanted = 2 * connections + _OTHERS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, (soft - _OTHERS) // 2))
