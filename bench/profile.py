"""Where the CPU of a token goes: a worker under load, sampled, by layer and by function.

    python -m bench.profile [token|bearer|introspection|health] [threads] [seconds]

A sample is what the thread that holds Python's lock does. What the kernel counted beyond that is the HTTP
server's own threads, and Python's threads in SQLite and in sockets, or on their way to the lock.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import trustme

from bench.contenders import Contender, ours, settings_for
from bench.load import PEOPLE, TOKEN, Measured, load, require_wrk
from bench.machine import cpu_seconds, family, thread_cpu
from bench.sampling import Samples, Stack, sampled
from tests.servers.crowd import crowd
from tests.servers.netid import PROJECT
from tests.servers.slapd import Slapd

# Parts of file names by layer. The innermost frame decides; the standard library counts for its caller.
_LAYERS = (
    ("telemetry", ("telemetry/", "/structlog/", "/logging/")),
    ("models, SQLAlchemy", ("models/", "/sqlalchemy/", "/flask_sqlalchemy/", "/psycopg/")),
    ("directory, ldap3", ("directory/", "/ldap3/", "/pyasn1/")),
    ("login", ("login/",)),
    ("oauth", ("oauth/", "app.py")),
    ("Authlib", ("/authlib/",)),
    ("Flask, Werkzeug", ("/flask/", "/werkzeug/", "web/")),
    ("HTTP server, where it calls Python", ("/granian/", "/gunicorn/")),
)
_FUNCTIONS = 45


def layer_of(stack: Stack) -> str:
    """The layer of the innermost frame whose file belongs to a known layer."""
    for _, file in reversed(stack):
        for layer, marks in _LAYERS:
            if any(mark in file if mark.startswith("/") else _short(file).startswith(mark) for mark in marks):
                return layer
    return "elsewhere"


def report(samples: Samples, each: float, cpu: dict[int, float]) -> Iterator[str]:
    """The tables, as lines of Markdown.

    Args:
        samples: the samples of a worker.
        each: milliseconds of CPU that a request costs.
        cpu: seconds that each thread of the worker used meanwhile, by the thread's number.
    """
    stacks, seen, total = samples.stacks, samples.stacks.total(), sum(cpu.values())
    in_python = sum(used for thread, used in cpu.items() if thread in samples.threads)
    outside = each * (1 - in_python / total)
    # The thread with the lock may have no core, so a busy machine shows more lock time than CPU time.
    milliseconds = each * min(in_python, samples.seconds) / total / seen
    layers: Counter[str] = Counter()
    own: Counter[tuple[str, str]] = Counter()
    cumulative: Counter[tuple[str, str]] = Counter()
    for stack, count in stacks.items():
        layers[layer_of(stack)] += count
        own[stack[-1]] += count
        for frame in set(stack):
            cumulative[frame] += count
    rows = [(layer, count * milliseconds) for layer, count in layers.items()]
    rows.append(("HTTP server, threads of its own", outside))
    rows.append(("SQLite, sockets, waiting for the lock", each - outside - seen * milliseconds))
    yield from _table("layer", sorted(rows, key=lambda row: -row[1]), each)
    for title, counted in (("with what it calls", cumulative), ("by itself", own)):
        functions = [
            (f"`{function}` {_short(file)}", count * milliseconds)
            for (function, file), count in counted.most_common(_FUNCTIONS)
        ]
        yield from _table(f"function, {title}", functions, each)


def _table(title: str, rows: list[tuple[str, float]], each: float) -> Iterator[str]:
    yield f"| {title} | ms | part |\n|---|---|---|"
    for name, milliseconds in rows:
        yield f"| {name} | {milliseconds:.3f} | {milliseconds / each:.1%} |"
    yield ""


def _short(file: str) -> str:
    return file.rpartition("site-packages/")[2].removeprefix(f"{PROJECT}/")


def profile(contender: Contender, kind: str, seconds: float) -> None:
    """Sample the busiest worker of a server under load, and print where its CPU went."""
    load(contender.target, kind, 2)
    cpu = cpu_seconds(contender.pid)
    plain = load(contender.target, kind, seconds)
    each = (cpu_seconds(contender.pid) - cpu) / plain.requests * 1000
    worker = max(family(contender.pid)[1:], key=cpu_seconds)
    before = thread_cpu(worker)
    runs: list[Measured] = []
    samples = sampled(worker, lambda: runs.append(load(contender.target, kind, seconds)))
    used = {thread: total - before.get(thread, 0.0) for thread, total in thread_cpu(worker).items()}
    print(f"{plain.rate:.0f} a second, {each:.3f} ms of CPU each; p99 {plain.p99:.1f} ms\n")
    print("\n".join(report(samples, each, used)))


def main() -> None:
    """Start a directory and the server, and profile them."""
    require_wrk()
    kind, threads, seconds = (*sys.argv[1:], *(TOKEN, "8", "8")[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slapd = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        try:
            print(f"# {kind}, {threads} threads a worker\n")
            with ours(folder / "instance", settings_for(slapd, NETID_THREADS=threads)) as contender:
                profile(contender, kind, float(seconds))
        finally:
            slapd.stop()


if __name__ == "__main__":
    main()
