"""`make bench`: this server beside the naive wiring and the directory's own limit, in interleaved rounds.

Prints a Markdown table of medians and their ratios, and writes it with a plot to a folder.

    python -m bench.compare [rounds] [seconds a run] [folder]
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme

from bench import app_password, password_grant_policy
from bench.contenders import Contender, a_token, naive, ours, register, settings_for
from bench.limit import limit, logins
from bench.load import BEARER, INTROSPECTION, PEOPLE, TOKEN, load, require_wrk
from bench.machine import cpu_seconds, described, family, resident_megabytes
from bench.plot import plot
from bench.report import FULL, LIMIT, NAIVE, NORMAL, POSTGRESQL, Results, report
from bench.sign_in import measure
from bench.sign_in import register as register_sign_in
from tests.servers.crowd import crowd
from tests.servers.netid import serving
from tests.servers.postgresql import Postgresql, require_postgresql
from tests.servers.slapd import Slapd

_WARM_UP = 2
_SIGN_INS = 400
_APP_PASSWORD_LOGINS = 400
# The part of the top rate at which latencies are measured: no operator runs a server at its limit.
_EASY = 0.8


@contextmanager
def running(
    folder: Path, slapd: Slapd, rounds: int
) -> Iterator[tuple[Mapping[str, Contender], Mapping[int, str]]]:
    """Every compared server by name, and app passwords. Servers that are not under load take no CPU."""
    with ExitStack() as stack:
        contenders = {NAIVE: stack.enter_context(naive(folder / "naive", slapd))}
        kept = {NORMAL: {}, FULL: {"NETID_SQLITE_SYNCHRONOUS": "FULL"}}
        require_postgresql()
        durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        postgresql = Postgresql({**durable, "shared_buffers": "128MB"})
        stack.callback(postgresql.remove)
        postgresql.start()
        kept[POSTGRESQL] = {"NETID_DATABASE_URL": postgresql.create_database("bench")}
        for number, (name, more) in enumerate(kept.items()):
            instance = folder / f"instance{number}"
            settings = settings_for(slapd, **more)
            contenders[name] = stack.enter_context(ours(instance, settings))
            if name == NORMAL:
                register_sign_in(instance, settings)
                users = range(app_password.users_of(rounds, _APP_PASSWORD_LOGINS).start)
                authorization = contenders[name].target.authorization
                made = app_password.make(instance, settings, authorization, users)
        yield contenders, made


def one_round(contenders: Mapping[str, Contender], seconds: float, results: Results) -> None:
    """Load each server with each kind of work once."""
    for kind in (TOKEN, BEARER, INTROSPECTION):
        for name, contender in contenders.items():
            if kind != TOKEN and name in {FULL, POSTGRESQL}:
                continue  # what only reads is the same
            before = cpu_seconds(contender.pid)
            run = load(contender.target, kind, seconds)
            results[name, kind].append(run.rate)
            results[name, f"{kind} cpu"].append((cpu_seconds(contender.pid) - before) / run.requests * 1000)
    for kind, milliseconds in measure(contenders[NORMAL], _SIGN_INS).items():
        results[NORMAL, f"{kind} cpu"].append(milliseconds)
    top = statistics.median(results[NORMAL, TOKEN])
    easy = load(contenders[NORMAL].target, TOKEN, seconds, pace=_EASY * top)
    for name, value in (("p50", easy.p50), ("p99", easy.p99), ("paced", easy.rate)):
        results[NORMAL, name].append(value)


def cold_start(folder: Path, slapd: Slapd) -> float:
    """Seconds from the command of a server that was set up before to its first token."""
    instance, settings = folder / "cold", settings_for(slapd)
    if not instance.exists():
        with serving(instance, settings=settings):
            pass
    authorization = register(instance, settings)
    began = time.perf_counter()
    with serving(instance, settings=settings) as server:
        a_token(f"http://127.0.0.1:{server.port}", authorization, 0)
        return time.perf_counter() - began


def compare(folder: Path, rounds: int, seconds: float) -> Results:
    """Start every server, run the rounds, and return the results."""
    results: Results = defaultdict(list)
    slapd = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
    slapd.start()
    try:
        made = logins()
        results[NORMAL, "cold start"] = [cold_start(folder, slapd) for _ in range(3)]
        with running(folder, slapd, rounds) as (contenders, made_app_passwords):
            for contender in contenders.values():
                load(contender.target, TOKEN, _WARM_UP)
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", file=sys.stderr)
                results[LIMIT, TOKEN].append(limit(slapd, seconds, made))
                one_round(contenders, seconds, results)
                users = app_password.users_of(number, _APP_PASSWORD_LOGINS)
                spent = app_password.measure(contenders[NORMAL], made_app_passwords, users)
                spent |= password_grant_policy.measure()
                for kind, milliseconds in spent.items():
                    results[NORMAL, f"{kind} cpu"].append(milliseconds)
            workers = family(contenders[NORMAL].pid)[1:]
            results[NORMAL, "memory"] = [max(map(resident_megabytes, workers))]
    finally:
        slapd.stop()
    return results


def main() -> None:
    """Measure, print the report, and write it to the folder."""
    require_wrk()
    rounds, seconds, where = (*sys.argv[1:], *("5", "5", "docs/benchmarks")[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as name:
        results = compare(Path(name), int(rounds), float(seconds))
    text = report(results, described(), int(rounds), float(seconds))
    print(text)
    out = Path(where)
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.md").write_text(f"# Results of the last run\n\n{text}")
    plot(results, out / "results.svg")


if __name__ == "__main__":
    main()
