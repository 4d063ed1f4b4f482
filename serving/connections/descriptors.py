"""How many files and connections a process may have open."""

import resource
from contextlib import suppress

# Files besides clients' connections: the database, the directory, the log.
_OTHER_FILES = 256


def allow_descriptors(connections: int) -> int:
    """Raise this process's soft limit, so that it can have this many connections besides its other files.

    Args:
        connections: How many clients' connections the process is to accept.

    Returns:
        How many connections it can accept: fewer if the hard limit is too low (`ulimit -Hn`).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The HTTP server does not count connections whose handshake is not complete, so they come on top.
    wanted = 2 * connections + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, (soft - _OTHER_FILES) // 2))
