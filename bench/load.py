"""Load for a server, by wrk: 16 kept connections, and 10,000 people in turn."""

import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PEOPLE = 10_000
CONNECTIONS = 16
TOKEN, BEARER, INTROSPECTION, HEALTH = "token", "bearer", "introspection", "health"
_SCRIPT = Path(__file__).with_name("load.lua")
_MEASURED = re.compile(r"^MEASURED (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: its address, a client's Authorization header, and tokens of that server."""

    url: str
    authorization: str
    tokens: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of a run. `p50`, `p99` and `most` are milliseconds."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float
    most: float

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.requests - self.failed) / self.seconds


def require_wrk() -> None:
    """End the program if the load generator is missing.

    Raises:
        SystemExit: wrk is not installed.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load, and is not installed: sudo apt install wrk")


def load(target: Target, kind: str, seconds: float, *, pace: float = 0, people: int = PEOPLE) -> Measured:
    """Send requests of one kind, each for another person or with another token.

    Args:
        target: the server under load.
        kind: one of `TOKEN`, `BEARER`, `INTROSPECTION`, `HEALTH`.
        seconds: for how long.
        pace: requests a second, at random moments; 0 for as many as are answered.
        people: the number of people, who take turns.

    Raises:
        SystemExit: wrk failed, or one answer in a hundred was not a success.
    """
    environ = {**os.environ, **({"BENCH_PACED": "1"} if pace else {})}
    with tempfile.NamedTemporaryFile("w", suffix=".tokens") as tokens:
        tokens.write("".join(f"{token}\n" for token in target.tokens))
        tokens.flush()
        first = str(random.randrange(people))  # noqa: S311 - who is first is no secret
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "10s"]
        arguments = [kind, target.authorization, first, str(people), tokens.name, str(pace)]
        done = subprocess.run(
            [*command, "-s", str(_SCRIPT), target.url, "--", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    found = _MEASURED.search(done.stdout)
    if found is None:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    requests, microseconds, failed, p50, p99, most = (int(each) for each in found.groups())
    if failed * 100 > requests:
        raise SystemExit(f"{failed} of {requests} requests ({kind}) failed at {target.url}")
    return Measured(requests, microseconds / 1e6, failed, p50 / 1e3, p99 / 1e3, most / 1e3)
