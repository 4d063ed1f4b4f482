"""Our server, started as an operator starts it, on a free port, with its own instance folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_PATIENCE = 30


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(instance: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment for a server or command, without its NETID_ settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETID_")}
    return {**kept, "NETID_INSTANCE_PATH": str(instance), "PYTHONUNBUFFERED": "1", **settings}


@dataclass(frozen=True)
class Running:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    output: Path

    def printed(self) -> str:
        """Return its output so far."""
        return self.output.read_text("utf-8")


@contextmanager
def serving(
    instance: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = ("flask", "serve"),
) -> Iterator[Running]:
    """Run `python -m flask serve ARGUMENTS` for the length of the block, in which the server listens.

    Args:
        instance: The instance folder.
        arguments: Further arguments of the command.
        settings: `NETID_…` variables.
        command: The module to run instead, with its first arguments.
    """
    port = free_port()
    output = instance.with_name(f"{instance.name}-{port}.log")
    environ = environment(instance, NETID_BIND=f"127.0.0.1:{port}", **(settings or {}))
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, *arguments],
            cwd=PROJECT,
            env=environ,
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            await_port(process, port, output)
            yield Running(process, port, output)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def await_port(process: subprocess.Popen[str], port: int, output: Path) -> None:
    """Wait until a server listens on its port; otherwise fail with its output."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{output.read_text('utf-8')}")
