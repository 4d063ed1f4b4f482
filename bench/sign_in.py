"""What a sign-in costs: the page, the password, the redirect, and the code for tokens.

    python -m bench.sign_in [sign-ins]

The client is registered as first-party, so that no user is asked for consent. The CPU of the directory, a
process of its own, does not count. The baseline is the password grant, in the same run by the same program.
"""

import base64
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import trustme

from bench.contenders import Contender, basic, ours, settings_for
from bench.load import PEOPLE
from bench.machine import cpu_seconds
from tests.servers.crowd import crowd, net_id, password
from tests.servers.netid import PROJECT, environment
from tests.servers.slapd import Slapd

SIGN_IN, EXCHANGE, OPENID_EXCHANGE, BASELINE = "sign-in", "code", "code, openid", "password grant again"
WORK = {
    SIGN_IN: "sign-in: page, password, redirect, code for token",
    EXCHANGE: "code for an access token",
    OPENID_EXCHANGE: "code for an access token and an ID token (RS256)",
    BASELINE: "password grant, sent in the same way",
}
CLIENT = "bench-sign-in"
_SECRET = "of-a-bench-kR2v9xQ4bN7mW1sZ6tY3uP8cD5fG0"
_REDIRECT_URI = "http://127.0.0.1/callback"
_VERIFIER = "v" * 43
_THREADS = 8
_FORM = "application/x-www-form-urlencoded"
_REGISTRATION = {
    "client_id": CLIENT,
    "client_name": "bench",
    "grant_types": ["authorization_code"],
    "client_secret": _SECRET,
    "redirect_uris": [_REDIRECT_URI],
    "scope": "openid profile",
    "flags": {"first_party": True},
}


class _Fields(HTMLParser):
    """The hidden fields of a page's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"] or ""] = given.get("value") or ""


@dataclass
class Browser:
    """As much of a browser as a sign-in needs: cookies, forms and redirects, over one kept connection."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the connection, which opens at the first request."""
        self._connection = HTTPConnection(str(urlsplit(self.url).netloc), timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, **more: str
    ) -> tuple[int, str, str]:
        """Send a request, with `more` as headers; return the answer's status, its Location and its body."""
        headers = {"Accept": "text/html", **({"Content-Type": _FORM} if form else {}), **more}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self._connection.getresponse()
        body = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers.get("Location", ""), body

    def sign_in(self, number: int, scope: str) -> str:
        """Sign a person in, and return the code.

        Raises:
            SystemExit: no code came.
        """
        self.cookies.clear()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": _REDIRECT_URI,
            "scope": scope,
            "state": "bench",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        path, page = self._follow("GET", f"/oauth/authorize?{urlencode(asked)}")
        form = {**_Fields(page).hidden, "username": net_id(number), "password": password(number)}
        end, page = self._follow("POST", path, form)
        if not end.startswith(_REDIRECT_URI):
            raise SystemExit(f"no code came: {end} {page}")
        return parse_qs(urlsplit(end).query)["code"][0]

    def password_grant(self, number: int, authorization: str, secret: str | None = None) -> None:
        """Get a token for a person by the password grant, with `secret` in the place of the password.

        Raises:
            SystemExit: no token came.
        """
        form = {"grant_type": "password", "username": net_id(number), "password": secret or password(number)}
        status, _, body = self.request("POST", "/oauth/token", form, Authorization=authorization)
        if status != 200:
            raise SystemExit(f"no token came: {status} {body}")

    def exchange(self, code: str) -> None:
        """Exchange a code for tokens.

        Raises:
            SystemExit: no token came.
        """
        form = {
            "grant_type": "authorization_code",
            "redirect_uri": _REDIRECT_URI,
            "code": code,
            "code_verifier": _VERIFIER,
        }
        status, _, body = self.request("POST", "/oauth/token", form, Authorization=basic(CLIENT, _SECRET))
        if status != 200:
            raise SystemExit(f"no token came: {status} {body}")

    def _follow(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Send a request and follow its redirects within the site; return where they end, and the page."""
        status, location, page = self.request(method, path, form)
        while status in {302, 303}:
            location = urljoin(path, location)
            if location.startswith(_REDIRECT_URI):
                return location, page
            parts = urlsplit(location)
            path = f"{parts.path}?{parts.query}"
            status, location, page = self.request("GET", path)
        if status != 200:
            raise SystemExit(f"{path} answered {status}: {page}")
        return path, page


def register(instance: Path, settings: dict[str, str]) -> None:
    """Register the client of the sign-ins."""
    command = [sys.executable, "-m", "flask", "client", "import", "-"]
    subprocess.run(
        command,
        cwd=PROJECT,
        env=environment(instance, **settings),
        input=json.dumps([_REGISTRATION]).encode(),
        capture_output=True,
        check=True,
    )


def measure(contender: Contender, sign_ins: int) -> dict[str, float]:
    """Return milliseconds of the server's CPU for each kind of work."""
    people = count()
    url, authorization = contender.target.url, contender.target.authorization

    def spent(work: Callable[[Browser], object], *, times: int = sign_ins) -> tuple[float, list[object]]:
        before = cpu_seconds(contender.pid)
        with browsers(url) as run:
            results = run(work, times)
        return (cpu_seconds(contender.pid) - before) / times * 1000, results

    def number() -> int:
        return next(people) % PEOPLE

    baseline, _ = spent(lambda browser: browser.password_grant(number(), authorization))
    pages, codes = spent(lambda browser: browser.sign_in(number(), "profile"))
    exchanges, _ = spent(_each(codes))
    _, codes = spent(lambda browser: browser.sign_in(number(), "openid profile"))
    openid, _ = spent(_each(codes))
    return {SIGN_IN: pages + exchanges, EXCHANGE: exchanges, OPENID_EXCHANGE: openid, BASELINE: baseline}


def _each(codes: list[object]) -> Callable[[Browser], object]:
    left = iter(codes)
    return lambda browser: browser.exchange(str(next(left)))


@contextmanager
def browsers(url: str) -> Iterator[Callable[[Callable[[Browser], object], int], list[object]]]:
    """What runs work in a few browsers at the same time."""
    browsers = [Browser(url) for _ in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as pool:

        def run(work: Callable[[Browser], object], times: int) -> list[object]:
            shares = [times // _THREADS + (index < times % _THREADS) for index in range(_THREADS)]
            jobs = [
                pool.submit(lambda browser, share: [work(browser) for _ in range(share)], browser, share)
                for browser, share in zip(browsers, shares, strict=True)
            ]
            return [result for job in jobs for result in job.result()]

        yield run
    for browser in browsers:
        browser.close()


def main() -> None:
    """Measure three rounds, and print their medians."""
    sign_ins = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory() as name:
        slapd = Slapd(Path(name) / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        try:
            settings = settings_for(slapd)
            with ours(Path(name) / "instance", settings) as contender:
                register(Path(name) / "instance", settings)
                measure(contender, _THREADS)
                rounds = [measure(contender, sign_ins) for _ in range(3)]
        finally:
            slapd.stop()
    for kind, title in WORK.items():
        print(f"{statistics.median(each[kind] for each in rounds):.2f} ms  {title}")


if __name__ == "__main__":
    main()
