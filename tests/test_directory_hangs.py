"""While the directory hangs, the production server checks tokens as usual, and logins fail soon."""

import json
import subprocess
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trustme

from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd, net_id, password
from tests.servers.netid import PROJECT, environment, serving
from tests.servers.slapd import SUFFIX, Slapd, require_slapd

pytestmark = pytest.mark.server

DEADLINE = 1.5
LOGINS, CHECKS = 12, 40


@dataclass(frozen=True)
class Answer:
    """An answer, and the seconds until it came."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True)
class Site:
    """A server of two workers, a client's Authorization header, and its directory."""

    port: int
    basic: str
    slapd: Slapd

    def ask(self, method: str, path: str, authorization: str, **form: str) -> Answer:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.monotonic()
        connection.request(method, path, urlencode(form) or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Answer(response.status, body, time.monotonic() - began)

    def log_in(self, number: int = 1) -> Answer:
        """A token request with the right password."""
        fields = {"grant_type": "password", "username": net_id(number), "password": password(number)}
        return self.ask("POST", "/oauth/token", self.basic, **fields)

    def await_login(self, seconds: float) -> str:
        """The token of the first login that succeeds within a number of seconds."""
        until = time.monotonic() + seconds
        while (answer := self.log_in()).status != 200:
            assert answer.status == 503
            assert time.monotonic() < until
            time.sleep(0.05)
        token: str = json.loads(answer.body)["access_token"]
        return token


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server over a slapd of its own."""
    require_slapd()
    folder = tmp_path_factory.mktemp("hangs")
    slapd = Slapd(folder / "slapd", trustme.CA(), crowd(20))
    slapd.start()
    settings = {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_CA_FILE": str(slapd.ca_file),
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
        "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
        "NETID_LDAP_LOGIN_DEADLINE": str(DEADLINE),
        "NETID_LDAP_CONNECT_TIMEOUT": "1",
        "NETID_LDAP_READ_TIMEOUT": "1.2",
        "NETID_WORKERS": "2",
    }
    try:
        with serving(folder / "instance", settings=settings) as running:
            yield Site(running.port, _register(folder / "instance", settings), slapd)
    finally:
        slapd.stop()


def _register(instance: Path, settings: Mapping[str, str]) -> str:
    made = subprocess.run(
        [*(sys.executable, "-m", "flask", "client", "create", "a program"), "--grant", "password", "--json"],
        cwd=PROJECT,
        env=environment(instance, **settings),
        capture_output=True,
        check=True,
    )
    client = json.loads(made.stdout)
    return "Basic " + b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def test_burst_of_logins_on_a_healthy_directory_is_served(site: Site) -> None:
    """With far more simultaneous logins than threads, each login waits, and none is refused."""
    site.await_login(5)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(site.log_in, [number % 20 for number in range(80)]))
    assert Counter(answer.status for answer in answers) == {200: 80}


def test_tokens_are_checked_while_the_directory_hangs(site: Site) -> None:
    """Logins that wait for a frozen directory never take every thread: each check is answered within 1 s."""
    bearer = f"Bearer {site.await_login(5)}"
    with ThreadPoolExecutor(LOGINS + CHECKS) as pool:
        site.slapd.freeze()
        try:
            logins = [pool.submit(site.log_in, number) for number in range(LOGINS)]
            checks = [pool.submit(site.ask, "GET", "/api/me", bearer).result() for _ in range(CHECKS // 2)]
            together = [pool.submit(site.ask, "GET", "/api/me", bearer) for _ in range(CHECKS // 2)]
            checks += [each.result() for each in together]
            outcomes = [each.result() for each in logins]
        finally:
            site.slapd.thaw()
    assert Counter(check.status for check in checks) == {200: CHECKS}
    assert max(check.seconds for check in checks) < 1
    assert Counter(login.status for login in outcomes) == {503: LOGINS}
    # As many logins as there are threads may wait for a slot before they are refused.
    assert max(login.seconds for login in outcomes) < DEADLINE + 1
    site.await_login(2)
