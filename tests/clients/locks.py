"""A lock between test processes, for tools that write into one shared folder while they install packages."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until no other process of these tests holds the lock `name`, and hold it during the block."""
    with (Path(tempfile.gettempdir()) / f"netid-tests-{name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
