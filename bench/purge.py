"""The speed of `flask token purge`, on an idle server and beside logins at half of the top rate.

    python -m bench.purge [dead rows] [live tokens] [rounds]

Rows go directly to the database: a third of them grants, a third access and a third refresh tokens. Each
round purges as many, on the same database. What is printed is medians.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Engine, create_engine

from bench.contenders import ours, settings_for
from bench.load import PEOPLE, TOKEN, Measured, load, require_wrk
from bench.scale import directory, fill
from settings import DATABASE_FILE_NAME
from tests.servers.netid import PROJECT, environment

_DAY, _HOUR = 86_400, 3_600
_SECONDS = 4
_HALF = 0.5
_TABLES_OF_A_FAMILY = 3


def purged(
    engine: Engine, rows: int, environ: Mapping[str, str], meanwhile: Callable[[], None] = lambda: None
) -> float:
    """Write dead rows and purge them. Returns the rows deleted in a second.

    Args:
        engine: the engine of the database.
        rows: the number of rows.
        environ: the environment of the command.
        meanwhile: a function that is called repeatedly until the purge ends.
    """
    now = int(time.time())
    fill(engine, rows // _TABLES_OF_A_FAMILY, now - 30 * _DAY, now - 2 * _HOUR)
    began = time.monotonic()
    purge = subprocess.Popen(
        [sys.executable, "-m", "flask", "token", "purge", "--json"],
        cwd=PROJECT,
        env=dict(environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    while purge.poll() is None:
        meanwhile()
        time.sleep(0.05)
    seconds = time.monotonic() - began
    output, _ = purge.communicate()
    went: int = sum(count for name, count in json.loads(output).items() if name.endswith(("token", "grant")))
    if went < rows - _TABLES_OF_A_FAMILY:
        raise SystemExit(f"only {went} of {rows} rows went")
    return went / seconds


def main() -> None:
    """Measure both, in turns."""
    require_wrk()
    given = (*sys.argv[1:], *("300000", "100000", "3")[len(sys.argv) - 1 :])
    rows, live, rounds = (int(each) for each in given)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        slapd = stack.enter_context(directory(folder / "slapd", PEOPLE))
        instance, settings = folder / "instance", settings_for(slapd)
        server = stack.enter_context(ours(instance, settings))
        engine = create_engine(f"sqlite:///{instance / DATABASE_FILE_NAME}", connect_args={"timeout": 30})
        stack.callback(engine.dispose)
        now = int(time.time())
        fill(engine, live, now + _HOUR, now + 30 * _DAY)
        pace = _HALF * load(server.target, TOKEN, _SECONDS).rate
        environ = environment(instance, **settings)
        alone: list[Measured] = []
        beside: list[Measured] = []
        idle, busy = [], []

        def log_in() -> None:
            beside.append(load(server.target, TOKEN, _SECONDS, pace=pace))

        for _ in range(rounds):
            idle.append(purged(engine, rows, environ))
            alone.append(load(server.target, TOKEN, _SECONDS, pace=pace))
            busy.append(purged(engine, rows, environ, log_in))
    print(f"| a purge of {rows:,} rows | rows a second | p50 of a token, ms | p99, ms | slowest, ms |")
    print("|---|---|---|---|---|")
    print(f"| nobody logs in | {statistics.median(idle):,.0f} | | | |")
    for title, rates, runs in (("no purge", [], alone), (f"{pace:.0f} logins a second", busy, beside)):
        p50, p99 = (statistics.median(getattr(run, name) for run in runs) for name in ("p50", "p99"))
        rate = f"{statistics.median(rates):,.0f}" if rates else ""
        print(f"| {title} | {rate} | {p50:.1f} | {p99:.1f} | {max(run.most for run in runs):.0f} |")


if __name__ == "__main__":
    main()
