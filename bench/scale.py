"""What a large database costs: rates with few and with many live tokens, and latency while a purge runs.

    python -m bench.scale [live tokens] [expired tokens] [rounds]

Rows are written past the server: a grant, its two tokens and its audit row each, ending evenly over 30 days.
"""

import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trustme
from sqlalchemy import Engine, create_engine, insert

from bench.contenders import Contender, ours, settings_for
from bench.load import BEARER, PEOPLE, TOKEN, Measured, load, require_wrk
from models.base import table
from models.digest import hour_prefix, new_grant_id
from models.tables import AccessTokenRow, AuditEventRow, GrantRow, RefreshTokenRow
from settings import DATABASE_FILE_NAME
from tests.servers.crowd import crowd
from tests.servers.netid import PROJECT, environment
from tests.servers.slapd import Slapd

_DAY, _HOUR = 86_400, 3_600
_BATCH = 20_000
_SECONDS = 5
_EASY = 0.5
_NOTHING = ("sub", "audience", "private", "password_changed_at", "revoked_at")
Row = dict[str, object]


def families(count: int, first: int, last: int) -> Iterator[tuple[Row, Row, Row, Row]]:
    """Rows of grants that end evenly between two moments (seconds since the epoch)."""
    for number in range(count):
        ends = first + (last - first) * number // count
        issued = ends - 30 * _DAY
        grant_id, person = new_grant_id(issued), f"person-{number % 1_000_000}"
        access = {"scope": "default", "audience": None, "issued_at": issued, "expires_at": ends}
        refresh = {"generation": 0, "issued_at": issued, "expires_at": ends, "used_at": None}
        yield (
            {
                **dict.fromkeys(_NOTHING),
                "id": grant_id,
                "client_id": "somebody",
                "subject": person,
                "net_id": person,
                "scope": "default",
                "claims": {"name": "Person", "email": f"{person}@campus.example"},
                "auth_time": issued,
                "expires_at": ends,
                "live_until": ends,
            },
            {"id": hour_prefix(ends) + secrets.token_bytes(32), "grant_id": grant_id, **access},
            {"id": hour_prefix(ends) + secrets.token_bytes(32), "grant_id": grant_id, **refresh},
            {"at": issued, "event": "token.issued", "client_id": "somebody", "subject": person},
        )


def fill(engine: Engine, count: int, first: int, last: int) -> None:
    """Write so many families of rows."""
    tables = [table(row) for row in (GrantRow, AccessTokenRow, RefreshTokenRow, AuditEventRow)]
    rows, left = families(count, first, last), count
    while left:
        batch = [next(rows) for _ in range(min(_BATCH, left))]
        left -= len(batch)
        with engine.begin() as link:
            for place, into in enumerate(tables):
                link.execute(insert(into), [row[place] for row in batch])


def rates(contender: Contender, rounds: int) -> tuple[float, float]:
    """Medians of tokens and of resource checks a second."""
    load(contender.target, TOKEN, 1)
    measured: dict[str, list[float]] = {TOKEN: [], BEARER: []}
    for _ in range(rounds):
        for kind, found in measured.items():
            found.append(load(contender.target, kind, _SECONDS).rate)
    return statistics.median(measured[TOKEN]), statistics.median(measured[BEARER])


def growth(contender: Contender, engine: Engine, live: int, rounds: int) -> None:
    """Print the rates before and after the database has grown."""
    print("| live tokens | tokens a second | resource checks a second |\n|---|---|---|")
    now, held, first = int(time.time()), 0, (0.0, 0.0)
    for count in sorted({10_000, live}):
        fill(engine, count - held, now + _HOUR, now + 30 * _DAY)
        found = rates(contender, rounds)
        first = found if not held else first
        held = count
        token, bearer = (f"{rate:.0f} ({rate / old:.0%})" for rate, old in zip(found, first, strict=True))
        print(f"| {count:,} | {token} | {bearer} |", flush=True)


def purging(contender: Contender, engine: Engine, environ: dict[str, str], expired: int) -> None:
    """Print the latency of tokens at half of the top rate, alone and while expired rows are deleted."""
    now = int(time.time())
    fill(engine, expired, now - 30 * _DAY, now - 2 * _HOUR)
    pace = _EASY * load(contender.target, TOKEN, _SECONDS).rate
    alone = [load(contender.target, TOKEN, _SECONDS, pace=pace) for _ in range(3)]
    began = time.monotonic()
    purge = subprocess.Popen(
        [sys.executable, "-m", "flask", "token", "purge"], cwd=PROJECT, env=environ, stdout=subprocess.PIPE
    )
    beside: list[Measured] = []
    while purge.poll() is None:
        beside.append(load(contender.target, TOKEN, _SECONDS, pace=pace))
    seconds = time.monotonic() - began
    print(f"\n| a token at {pace:.0f} a second | p50, ms | p99, ms | slowest, ms |\n|---|---|---|---|")
    busy = f"beside a purge of {3 * expired:,} rows ({seconds:.0f} s)"
    for title, runs in (("alone", alone), (busy, beside)):
        p50, p99 = (statistics.median(getattr(run, name) for run in runs) for name in ("p50", "p99"))
        print(f"| {title} | {p50:.1f} | {p99:.1f} | {max(run.most for run in runs):.0f} |")


def main() -> None:
    """Start everything, measure, end everything."""
    require_wrk()
    sizes = (*sys.argv[1:], *("1000000", "330000", "3")[len(sys.argv) - 1 :])
    live, expired, rounds = (int(each) for each in sizes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slapd = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        settings = settings_for(slapd)
        try:
            with ours(folder / "instance", settings) as contender:
                database = folder / "instance" / DATABASE_FILE_NAME
                engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 30})
                growth(contender, engine, live, rounds)
                purging(contender, engine, environment(folder / "instance", **settings), expired)
                engine.dispose()
        finally:
            slapd.stop()


if __name__ == "__main__":
    main()
