"""What size costs: rates with few and many live tokens, with few and many people, and beside a purge.

    python -m bench.scale [live tokens] [people] [expired grants] [rounds]

Rows go directly to the database: a grant, its two tokens and its audit row each, ending evenly over 30 days.
Large and small run side by side, in interleaved rounds.
"""

import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme
from sqlalchemy import Engine, create_engine, insert

from bench.contenders import Contender, ours, settings_for
from bench.load import BEARER, PEOPLE, TOKEN, Measured, load, require_wrk
from models.base import table
from models.keys.digest import moment_prefix, new_grant_id
from models.tables import DEFAULT_DIRECTORY, AccessTokenRow, AuditEventRow, GrantRow, RefreshTokenRow
from settings import DATABASE_FILE_NAME
from tests.servers.crowd import crowd
from tests.servers.netid import PROJECT, environment
from tests.servers.slapd import SIZE, Slapd

_DAY, _HOUR = 86_400, 3_600
_BATCH = 20_000
_SECONDS = 4
_EASY = 0.5
_FEW_TOKENS, _FEW_PEOPLE = 10_000, 1_000
# What a person's entry and its indexes take in slapd's database, generously, in octets.
_ENTRY_OCTETS = 4_096
_NOTHING = ("sub", "audience", "password_changed_at", "revoked_at", "acr", "amr", "session_id", "cnf")
Row = dict[str, object]


def families(count: int, first: int, last: int) -> Iterator[tuple[Row, Row, Row, Row]]:
    """Rows of grants that end evenly between two moments (seconds since the epoch)."""
    for number in range(count):
        ends = first + (last - first) * number // count
        issued = ends - 30 * _DAY
        grant_id, person = new_grant_id(issued), f"person-{number % 1_000_000}"
        access = {"scope": "default", "audience": None, "issued_at": issued, "expires_at": ends, "cnf": None}
        refresh = {"generation": 0, "issued_at": issued, "expires_at": ends, "used_at": None}
        yield (
            {
                **dict.fromkeys(_NOTHING),
                "id": grant_id,
                "client_id": "somebody",
                "origin": "password",
                "directory": DEFAULT_DIRECTORY,
                "private": False,
                "subject": person,
                "net_id": person,
                "scope": "default",
                "claims": {"name": "Person", "email": f"{person}@campus.example"},
                "auth_time": issued,
                "expires_at": ends,
                "live_until": ends,
            },
            {"id": moment_prefix(ends) + secrets.token_bytes(32), "grant_id": grant_id, **access},
            {"id": moment_prefix(ends) + secrets.token_bytes(32), "grant_id": grant_id, **refresh},
            {"at": issued, "event": "token.issued", "client_id": "somebody", "subject": person},
        )


def fill(engine: Engine, count: int, first: int, last: int) -> None:
    """Write `count` families of rows."""
    tables = [table(row) for row in (GrantRow, AccessTokenRow, RefreshTokenRow, AuditEventRow)]
    rows, left = families(count, first, last), count
    while left:
        batch = [next(rows) for _ in range(min(_BATCH, left))]
        left -= len(batch)
        with engine.begin() as link:
            for place, into in enumerate(tables):
                link.execute(insert(into), [row[place] for row in batch])


def compared(title: str, contenders: Mapping[int, Contender], people: Mapping[int, int], rounds: int) -> None:
    """Print the rates of servers of different sizes, the smallest first.

    Args:
        title: the quantity in which the servers differ.
        contenders: the servers by that quantity.
        people: the number of people who log in at each.
        rounds: the number of rounds, whose medians are printed.
    """
    found: dict[tuple[int, str], list[float]] = {}
    for size, contender in contenders.items():
        load(contender.target, TOKEN, _SECONDS, people=people[size])
    for number in range(rounds):
        order = sorted(contenders.items(), reverse=bool(number % 2))
        for kind in (TOKEN, BEARER):
            for size, contender in order:
                rate = load(contender.target, kind, _SECONDS, people=people[size]).rate
                found.setdefault((size, kind), []).append(rate)
    medians = {place: statistics.median(rates) for place, rates in found.items()}
    least = min(contenders)
    print(f"| {title} | tokens a second | resource checks a second |\n|---|---|---|")
    for size in sorted(contenders):
        rates = [medians[size, kind] for kind in (TOKEN, BEARER)]
        of = [rate / medians[least, kind] for rate, kind in zip(rates, (TOKEN, BEARER), strict=True)]
        token, bearer = (f"{rate:.0f} ({part:.0%})" for rate, part in zip(rates, of, strict=True))
        print(f"| {size:,} | {token} | {bearer} |")
    print(flush=True)


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
    print(f"| a token at {pace:.0f} a second | p50, ms | p99, ms | slowest, ms |\n|---|---|---|---|")
    busy = f"beside a purge of {3 * expired:,} rows ({seconds:.0f} s)"
    for title, runs in (("alone", alone), (busy, beside)):
        p50, p99 = (statistics.median(getattr(run, name) for run in runs) for name in ("p50", "p99"))
        print(f"| {title} | {p50:.1f} | {p99:.1f} | {max(run.most for run in runs):.0f} |")


@contextmanager
def directory(folder: Path, people: int) -> Iterator[Slapd]:
    """A directory of `people` people."""
    slapd = Slapd(folder, trustme.CA(), crowd(people), size=max(SIZE, people * _ENTRY_OCTETS))
    slapd.start()
    try:
        yield slapd
    finally:
        slapd.stop()


def tokens(folder: Path, live: int, expired: int, rounds: int) -> None:
    """Compare few live tokens with many, and measure the many during a purge of expired tokens."""
    with ExitStack() as stack:
        slapd = stack.enter_context(directory(folder / "slapd", PEOPLE))
        contenders, now = {}, int(time.time())
        for count in (_FEW_TOKENS, live):
            instance = folder / f"tokens{count}"
            contenders[count] = stack.enter_context(ours(instance, settings_for(slapd)))
            engine = create_engine(f"sqlite:///{instance / DATABASE_FILE_NAME}", connect_args={"timeout": 30})
            stack.callback(engine.dispose)
            fill(engine, count, now + _HOUR, now + 30 * _DAY)
        compared("live tokens", contenders, dict.fromkeys(contenders, PEOPLE), rounds)
        environ = environment(folder / f"tokens{live}", **settings_for(slapd))
        purging(contenders[live], engine, environ, expired)


def crowds(folder: Path, people: int, rounds: int) -> None:
    """Compare a directory of few people with one of many; each logs in in turn."""
    with ExitStack() as stack:
        contenders = {}
        for count in (_FEW_PEOPLE, people):
            slapd = stack.enter_context(directory(folder / f"slapd{count}", count))
            instance = folder / f"people{count}"
            contenders[count] = stack.enter_context(ours(instance, settings_for(slapd)))
        print()
        compared("people", contenders, {count: count for count in contenders}, rounds)


def main() -> None:
    """Measure both."""
    require_wrk()
    sizes = (*sys.argv[1:], *("1000000", "100000", "330000", "3")[len(sys.argv) - 1 :])
    live, people, expired, rounds = (int(each) for each in sizes)
    with tempfile.TemporaryDirectory() as name:
        tokens(Path(name), live, expired, rounds)
        crowds(Path(name), people, rounds)


if __name__ == "__main__":
    main()
