"""What a login costs at the directory: our pool against a connection for each, and against python-ldap.

Runs a slapd of 10,000 people on this machine, and prints medians of interleaved rounds, in clear and over
StartTLS; then how many resource checks the production server answers while that slapd is good, and while it
hangs.

    python -m bench.directory [rounds] [logins a round]

python-ldap is compared if it can be imported, here or by the interpreter that PYTHON_LDAP names; otherwise it
is left out by name.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import trustme

from bench.contenders import BASE, ours, settings_for
from bench.load import BEARER, PEOPLE, Target, load, require_wrk
from bench.machine import cpu_seconds
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd, net_id, password
from tests.servers.netid import PROJECT
from tests.servers.slapd import Slapd

AT_ONCE = 4
SECONDS = 6.0
OURS = "ours"
TITLES = {
    OURS: "ours: pool, verified, person read",
    "ldap3_fresh": "ldap3, a connection for each (`get_info=NONE`)",
    "ldap3_fresh_defaults": "ldap3, a connection for each (its defaults)",
    "python_ldap_fresh": "python-ldap, a connection for each",
    "python_ldap_kept": "python-ldap, two kept connections",
}


class Worker:
    """A process that logs people in by one of the compared ways."""

    def __init__(self, way: str, interpreter: str, slapd: Slapd, *, tls: bool) -> None:
        ca_file = str(slapd.ca_file) if tls else ""
        where = (slapd.ldap, ca_file, SERVICE_DN, SERVICE_PASSWORD, BASE)
        self._process = subprocess.Popen(
            [interpreter, "-m", "bench.directory_ways", way, *where],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("no pipes")
        self._tell, self._hear = self._process.stdin, self._process.stdout
        self._listen()

    def begin(self, logins: int) -> None:
        """Begin this number of logins."""
        self._tell.write(f"{logins}\n")
        self._tell.flush()

    def end(self) -> tuple[float, float]:
        """Seconds and CPU seconds of the logins that were begun."""
        seconds, cpu = self._listen().split()
        return float(seconds), float(cpu)

    def close(self) -> None:
        """End the process."""
        self._tell.close()
        self._process.wait(10)
        self._hear.close()

    def _listen(self) -> str:
        if not (line := self._hear.readline()):
            raise SystemExit("a worker failed: see above")
        return line


def interpreters() -> dict[str, str]:
    """The interpreter for each way; without one for python-ldap, it is left out."""
    python_ldap = os.environ.get("PYTHON_LDAP", sys.executable)
    has = subprocess.run([python_ldap, "-c", "import ldap"], capture_output=True, check=False).returncode == 0
    if not has:
        print("python-ldap is not installed: left out\n")
    return {
        way: python_ldap if way.startswith("python_ldap") else sys.executable
        for way in TITLES
        if has or not way.startswith("python_ldap")
    }


def compare(slapd: Slapd, rounds: int, logins: int, *, tls: bool) -> None:
    """Run the rounds over one kind of connection, and print the table."""
    chosen = interpreters()
    workers = {way: Worker(way, interpreter, slapd, tls=tls) for way, interpreter in chosen.items()}
    limit: list[Worker] = []
    if "python_ldap_kept" in chosen:
        limit = [
            Worker("python_ldap_kept", chosen["python_ldap_kept"], slapd, tls=tls) for _ in range(AT_ONCE)
        ]
    rates: dict[str, list[float]] = {way: [] for way in workers}
    ours: dict[str, list[float]] = {way: [] for way in workers}
    theirs: dict[str, list[float]] = {way: [] for way in workers}
    most: list[float] = []
    for _ in range(rounds):
        for way, worker in workers.items():
            # The slow ways make fewer logins: one of them makes ten a second over TLS.
            count = logins if way in {OURS, "python_ldap_kept"} else max(1, logins // 20)
            before = cpu_seconds(slapd.pid)
            worker.begin(count)
            seconds, cpu = worker.end()
            rates[way].append(count / seconds)
            ours[way].append(cpu / count * 1000)
            theirs[way].append((cpu_seconds(slapd.pid) - before) / count * 1000)
        most += _together(limit, logins)
    for worker in (*workers.values(), *limit):
        worker.close()
    print(f"### {'StartTLS' if tls else 'In clear'}: {rounds} rounds, one thread\n")
    print("| way | logins a second | ours is | CPU a login, ms | of ours | slapd's CPU, ms |")
    print("|---|---|---|---|---|---|")
    for way in workers:
        rate = statistics.median(mine / its for mine, its in zip(rates[OURS], rates[way], strict=True))
        cpu = statistics.median(its / mine for mine, its in zip(ours[OURS], ours[way], strict=True))
        print(
            f"| {TITLES[way]} | {statistics.median(rates[way]):.0f} | {rate:.2f} x | "
            f"{statistics.median(ours[way]):.2f} | {cpu:.2f} x | {statistics.median(theirs[way]):.2f} |"
        )
    if most:
        limit_rate = statistics.median(most)
        print(f"| the directory's limit: {AT_ONCE} of python-ldap at once | {limit_rate:.0f} | | | | |")
    print()


def _together(workers: Sequence[Worker], logins: int) -> list[float]:
    """Logins a second of all workers at once."""
    if not workers:
        return []
    began = time.perf_counter()
    for worker in workers:
        worker.begin(logins)
    for worker in workers:
        worker.end()
    return [len(workers) * logins / (time.perf_counter() - began)]


def availability(folder: Path, slapd: Slapd, rounds: int) -> None:
    """Print the rate of resource checks while 8 people try to log in: the directory good, and hung."""
    good: list[float] = []
    hung: list[float] = []
    with ours(folder / "instance", settings_for(slapd)) as server:
        over, logins = threading.Event(), list[tuple[int, float]]()
        threads = [
            threading.Thread(target=_keep_trying, args=(server.target, over, logins)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for _ in range(rounds):
            good.append(load(server.target, BEARER, SECONDS).rate)
            slapd.freeze()
            hung.append(load(server.target, BEARER, SECONDS).rate)
            slapd.thaw()
            time.sleep(2)
        over.set()
        for thread in threads:
            thread.join()
    kept = statistics.median(after / before for before, after in zip(good, hung, strict=True))
    refused = [seconds for status, seconds in logins if status != 200]
    print(f"### Resource checks beside logins: {rounds} rounds of {SECONDS:.0f} s\n")
    print("| directory | checks a second | kept |\n|---|---|---|")
    print(f"| good | {statistics.median(good):.0f} | |")
    print(f"| hung | {statistics.median(hung):.0f} | {kept:.0%} |")
    print(f"\n{len(refused)} of {len(logins)} logins were unavailable: {max(refused):.2f} s the slowest, ")
    print(f"{statistics.median(refused) * 1000:.0f} ms the median")


def _keep_trying(target: Target, over: threading.Event, logins: list[tuple[int, float]]) -> None:
    """Log in each second, and note status and seconds."""
    connection, number = HTTPConnection(urlsplit(target.url).netloc, timeout=30), 0
    headers = {"Authorization": target.authorization, "Content-Type": "application/x-www-form-urlencoded"}
    while not over.wait(1):
        number += 1
        fields = {"grant_type": "password", "username": net_id(number), "password": password(number)}
        began = time.perf_counter()
        connection.request("POST", "/oauth/token", urlencode(fields), headers)
        response = connection.getresponse()
        response.read()
        logins.append((response.status, time.perf_counter() - began))
    connection.close()


def main() -> None:
    """Start the directory, measure, end it."""
    require_wrk()
    rounds, logins = (int(each) for each in (sys.argv[1:3] or ("5", "1000")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slapd = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        try:
            for tls in (False, True):
                compare(slapd, rounds, logins, tls=tls)
            availability(folder, slapd, rounds)
        finally:
            slapd.stop()


if __name__ == "__main__":
    main()
