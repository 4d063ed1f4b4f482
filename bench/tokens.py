"""What a token costs: CPU of our processes, and of slapd, for each token and each resource check.

Runs the production server over a slapd of 10,000 people, everything on this machine, and prints medians of
interleaved rounds with `/healthz` (the HTTP server and Flask alone) as the baseline. CPU is what the kernel
counted for the processes, so the load generator's own share is not in it.

    python -m bench.tokens [rounds] [requests a round]
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import trustme

from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd, net_id, password
from tests.servers.netid import PROJECT, Running, environment, serving
from tests.servers.slapd import SUFFIX, Slapd

PEOPLE = 10_000
CONNECTIONS = 8
TICKS = os.sysconf("SC_CLK_TCK")

Request = tuple[str, str, str | None, dict[str, str]]


def family(root: int) -> list[int]:
    """The process `root` and its children."""
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return [root, *(pid for child in children for pid in family(int(child)))]


def cpu_seconds(root: int) -> float:
    """CPU that a process and its children have used so far."""
    total = 0
    for pid in family(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def load(port: int, requests: int, make: Callable[[int], Request]) -> float:
    """Send so many requests over kept connections; seconds it took."""
    numbers = itertools.count()
    failures: list[int] = []

    def work() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while (number := next(numbers)) < requests:
            method, path, body, headers = make(number)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                failures.append(response.status)
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{len(failures)} of {requests} requests failed: {sorted(set(failures))}")
    return time.perf_counter() - began


def register(instance: Path, settings: dict[str, str]) -> str:
    """Register a client; its Authorization header."""
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "flask",
            "client",
            "create",
            "bench",
            "--grant",
            "password refresh_token",
            "--json",
        ],
        cwd=PROJECT,
        env=environment(instance, **settings),
        capture_output=True,
        check=True,
    )
    client = json.loads(made.stdout)
    return "Basic " + b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def works(port: int, basic: str) -> dict[str, Callable[[int], Request]]:
    """The kinds of request that are measured, by name."""
    form = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}

    def token(number: int) -> Request:
        person = number % PEOPLE
        fields = {"grant_type": "password", "username": net_id(person), "password": password(person)}
        return "POST", "/oauth/token", urlencode(fields), form

    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(*token(0))
    bearer = {"Authorization": f"Bearer {json.loads(connection.getresponse().read())['access_token']}"}
    connection.close()
    return {
        "baseline: /healthz": lambda _: ("GET", "/healthz", None, {}),
        "token": token,
        "resource: /api/me": lambda _: ("GET", "/api/me", None, bearer),
    }


def measure(server: Running, slapd: Slapd, basic: str, rounds: int, requests: int) -> None:
    """Run the rounds and print the table."""
    kinds = works(server.port, basic)
    ours: dict[str, list[float]] = {name: [] for name in kinds}
    directory: dict[str, list[float]] = {name: [] for name in kinds}
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for _, (name, make) in itertools.product(range(rounds), kinds.items()):
        before, slapd_before = cpu_seconds(server.process.pid), cpu_seconds(slapd.pid)
        seconds = load(server.port, requests, make)
        ours[name].append((cpu_seconds(server.process.pid) - before) / requests * 1000)
        directory[name].append((cpu_seconds(slapd.pid) - slapd_before) / requests * 1000)
        rates[name].append(requests / seconds)
    floor = statistics.median(ours["baseline: /healthz"])
    print(f"{rounds} rounds of {requests} requests, {CONNECTIONS} connections, {os.cpu_count()} cores\n")
    print("| work | our CPU, ms | against the baseline | slapd's CPU, ms | a second |")
    print("|---|---|---|---|---|")
    for name in kinds:
        mine = statistics.median(ours[name])
        theirs = statistics.median(directory[name])
        rate = statistics.median(rates[name])
        print(f"| {name} | {mine:.2f} | {mine / floor:.1f} | {theirs:.2f} | {rate:.0f} |")


def main() -> None:
    """Start everything, measure, end everything."""
    rounds, requests = (int(each) for each in (sys.argv[1:3] or ("5", "2000")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slapd = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        settings = {
            "NETID_LDAP_URI": slapd.ldap,
            "NETID_LDAP_START_TLS": "off",
            "NETID_LDAP_BIND_DN": SERVICE_DN,
            "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
            "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
            "NETID_SQLITE_SYNCHRONOUS": os.environ.get("NETID_SQLITE_SYNCHRONOUS", "NORMAL"),
            "NETID_THREADS": os.environ.get("NETID_THREADS", ""),
        }
        try:
            with serving(folder / "instance", settings=settings) as server:
                measure(server, slapd, register(folder / "instance", settings), rounds, requests)
        finally:
            slapd.stop()


if __name__ == "__main__":
    main()
