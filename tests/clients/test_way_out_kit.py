"""The programs of examples/way-out/: each way out of the password grant changes ten lines, and works."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.clients.apis import Registration, started_api
from tests.clients.conftest import Service, library
from tests.clients.phone import Phone
from tests.clients.recipes import program
from tests.servers.netid import PROJECT, environment
from tests.servers.npm import require_packages

pytestmark = [pytest.mark.server, pytest.mark.slow]

KIT = PROJECT / "examples" / "way-out"
README = (KIT / "README.md").read_text("utf-8")
PAGE = (PROJECT / "docs" / "leaving-the-password-grant.md").read_text("utf-8")
SHOWN = re.compile(r"^As `([^`]+)`:\n\n```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"shell": ".sh", "python": ".py", "javascript": ".mjs"}
WAYS = ("device", "browser", "client-credentials", "app-password")
MOST_LINES = 10
ADD_BROWSER = "--grant password --grant authorization_code"
# The words by which the README's changes of the client are found, for each section.
UPDATES = {
    "device": ["--grant password --grant urn:ietf:params:oauth:grant-type:device_code"],
    "browser": [ADD_BROWSER],
    "client-credentials": ["--grant password --grant client_credentials"],
    "app-password": [],
    "moved": [ADD_BROWSER, 'update "My grades" --grant authorization_code'],
    "public": [],
}
OPEN = re.compile(r"Open (\S+)\s+(?:and enter (\S+)\s+)?")


def path(language: str, way: str) -> Path:
    """The program of a language for a way."""
    name = way.replace("-", "_") if language == "python" else way
    return KIT / language / f"{name}{LANGUAGES[language]}"


def changed(language: str, way: str) -> int:
    """Count the lines that `diff` marks as removed or added."""
    compare = ["diff", str(path(language, "password")), str(path(language, way))]
    shown = subprocess.run(compare, capture_output=True, text=True, check=False).stdout
    return sum(line.startswith(("<", ">")) for line in shown.splitlines())


def installed(language: str, folder: Path) -> str:
    """Copy the programs of a language into a folder, and return what runs them."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in (KIT / language).iterdir():
        if each.is_file():
            shutil.copy(each, folder)
    if language == "python":
        library("authlib")
        return sys.executable
    if language == "javascript":
        packages = require_packages(PROJECT / "tests" / "clients" / "node")
        (folder / "node_modules").unlink(missing_ok=True)
        (folder / "node_modules").symlink_to(packages)
        return program("node")
    for needed in ("curl", "jq", "openssl", "perl"):
        program(needed)
    return program("bash")


@pytest.fixture(scope="module")
def api(shared: Service) -> Iterator[str]:
    """The URL of the grades API, which asks the server about each token."""
    with started_api("flask", shared, Registration()) as url:
        yield url


@pytest.fixture(scope="module")
def clients(shared: Service) -> Mapping[str, dict[str, str]]:
    """One client for each section of the README, registered and then changed as it says."""
    return {section: registered(section, shared) for section in UPDATES}


def flask(line: str, service: Service) -> str:
    """Run a command of the README for the running server, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *shlex.split(line)[1:]],
        cwd=PROJECT,
        env=environment(service.ca.parents[1]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def typed(words: str, name: str, service: Service, *options: str) -> str:
    """Run the README's command that has some words, for a client of another name."""
    (line,) = (line for line in re.findall(r"^\.venv/bin/flask .*$", README, re.MULTILINE) if words in line)
    return flask(
        shlex.join([*shlex.split(line.replace("My grades", f"Grades by {name}")), *options]), service
    )


def registered(section: str, service: Service) -> dict[str, str]:
    """Register a client with the password grant, change it as a section says, and return its variables."""
    public = section == "public"
    creation = f'client create "My grades{" everywhere" * public}"'
    (line,) = (line for line in README.splitlines() if creation in line)
    made = json.loads(flask(f"{line} --json".replace("My grades", f"Grades by {section}"), service))
    for words in UPDATES[section]:
        typed(words, section, service)
    secret = {} if public else {"CLIENT_SECRET": made["client_secret"]}
    return {"CLIENT_ID": made["client_id"], **secret}


@dataclass(frozen=True)
class Desk:
    """A user's computer: a home directory, the programs, and what they are told."""

    service: Service
    api: str
    home: Path
    clients: Mapping[str, dict[str, str]]

    def environ(self, way: str, **more: str) -> dict[str, str]:
        """The variables of a program."""
        ca = str(self.service.ca)
        return {
            **os.environ,
            "SERVER": self.service.url,
            "API": self.api,
            "HOME": str(self.home),
            "CURL_CA_BUNDLE": ca,
            "REQUESTS_CA_BUNDLE": ca,
            "NODE_EXTRA_CA_CERTS": ca,
            **self.clients[way],
            **more,
        }

    @contextmanager
    def running(self, language: str, way: str, client: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program with the registration of a client."""
        starter = installed(language, self.home / language)
        with subprocess.Popen(
            [starter, str(self.home / language / path(language, way).name)],
            env=self.environ(client, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, language: str, way: str, client: str, **more: str) -> str:
        """Run a program that asks nothing, and return what it prints."""
        with self.running(language, way, client, **more) as process:
            printed, complaint = process.communicate(timeout=30)
        assert (process.returncode, complaint) == (0, "")
        return printed.strip()


@pytest.fixture
def desk(service: Service, api: str, clients: Mapping[str, dict[str, str]], tmp_path: Path) -> Desk:
    """A user's computer."""
    return Desk(service, api, tmp_path, clients)


def asked(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the address that a program asks its user to open, and the code to enter."""
    assert process.stderr is not None
    shown = ""
    while not (found := OPEN.fullmatch(shown)) or ("/device" in shown and not found[2]):
        line = process.stderr.readline()
        assert line, shown
        shown += line
    return found[1], found[2] or ""


def follow(service: Service, process: subprocess.Popen[str], net_id: str, decision: str) -> None:
    """Do as the program asks."""
    answer_on_phone(service, *asked(process), net_id, decision)


def answer_on_phone(service: Service, url: str, code: str, net_id: str, decision: str) -> None:
    """Sign in at a page, enter the code if there is one, and decide if the page asks."""
    phone = Phone(service)
    phone.open(url)
    phone.sign_in(net_id)
    if code:
        phone.send(user_code=code)
    if 'name="decision"' in phone.page.text:  # a browser that allowed before returns at once
        phone.send(decision=decision)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_out_changes_ten_lines_or_fewer(way: str) -> None:
    """`diff` marks ten lines or fewer in each language, and the README has the true numbers."""
    counted = [changed(language, way) for language in LANGUAGES]
    assert all(0 < each <= MOST_LINES for each in counted)
    (row,) = (line for line in README.splitlines() if f"({path('shell', way).relative_to(KIT)})" in line)
    assert f"| {', '.join(map(str, counted))} |" in row


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", WAYS)
def test_page_for_owners_shows_the_true_differences(language: str, way: str) -> None:
    """The page has what `diff` prints today, without its header and line numbers."""
    after = path(language, way)
    compare = ["diff", "--unified=2", str(path(language, "password")), str(after)]
    printed = subprocess.run(compare, capture_output=True, text=True, check=False).stdout
    hunks = re.sub(r"^@@ .*$", "@@", printed.split("\n", 2)[2], flags=re.MULTILINE)
    assert dict(SHOWN.findall(PAGE))[str(after.relative_to(KIT))] == hunks


def test_python_programs_are_tested_with_their_pins() -> None:
    """The Python programs run with the versions that their own requirements name."""
    texts = [(PROJECT / name).read_text("utf-8") for name in ("requirements.txt", "requirements-dev.txt")]
    pinned = (KIT / "python" / "requirements.txt").read_text("utf-8").splitlines()
    assert {line for line in pinned if not line.startswith("#")} <= set("\n".join(texts).splitlines())


def test_javascript_programs_are_tested_with_their_pin() -> None:
    """The JavaScript programs run with the version of openid-client that their own package names."""
    tested = json.loads((PROJECT / "tests" / "clients" / "node" / "package.json").read_text("utf-8"))
    pinned = json.loads((KIT / "javascript" / "package.json").read_text("utf-8"))
    assert pinned["dependencies"].items() <= tested["dependencies"].items()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("client", WAYS)
def test_old_program_works_beside_each_new_one(language: str, client: str, desk: Desk) -> None:
    """While a program moves, its client has both grants, and the password still gets grades."""
    printed = desk.run(language, "password", client, NET_ID="alice", PASSWORD="alice-password")
    assert json.loads(printed) == {"grades_of": "alice"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", ["device", "browser"])
def test_user_signs_in_once(language: str, way: str, desk: Desk) -> None:
    """The first run asks the user to sign in, the next one nothing. Only the user can read the token."""
    with desk.running(language, way, way) as process:
        follow(desk.service, process, "alice", "allow")
        printed, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(printed)) == (0, {"grades_of": "alice"})
    (kept,) = desk.home.glob(".*-token")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(desk.run(language, way, way)) == {"grades_of": "alice"}
    (kept,) = desk.home.glob(".*-token*")
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("language", LANGUAGES)
def test_idle_connection_of_a_browser_blocks_no_sign_in(language: str, desk: Desk) -> None:
    """Browsers open connections in advance, and send nothing through them."""
    with desk.running(language, "browser", "browser") as process:
        url, _ = asked(process)
        port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            answer_on_phone(desk.service, url, "", "alice", "allow")
            printed, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(printed)) == (0, {"grades_of": "alice"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_ended_program_asks_again(language: str, desk: Desk) -> None:
    """After the refresh token has ended, the program asks its user to sign in, and does not fail."""
    (desk.home / ".browser-token").write_text("nidr_ended", "ascii")
    with desk.running(language, "browser", "browser") as process:
        assert "/oauth/authorize?" in asked(process)[0]


# A device waits for five seconds. In `make test` the shell stands for the other languages.
DENIED = [
    pytest.param(language, way, marks=[pytest.mark.exhaustive] * (way == "device" and language != "shell"))
    for language in LANGUAGES
    for way in ("device", "browser")
]


@pytest.mark.parametrize(("language", "way"), DENIED)
def test_denied_program_fails(language: str, way: str, desk: Desk) -> None:
    """A user who denies gets no grades, and the program says that it was denied."""
    with desk.running(language, way, way) as process:
        follow(desk.service, process, "bob", "deny")
        printed, complaint = process.communicate(timeout=30)
    assert (process.returncode != 0, printed) == (True, "")
    assert re.search("denied|refused", complaint)
    assert list(desk.home.glob(".*-token*")) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("foreign", ["state", "iss"])
def test_answer_of_another_sign_in_is_refused(language: str, foreign: str, desk: Desk) -> None:
    """A callback with another state or another issuer never reaches the token endpoint (RFC 9207)."""
    with desk.running(language, "browser", "browser") as process:
        query = parse_qs(urlsplit(asked(process)[0]).query)
        came = {
            "code": "stolen",
            "state": query["state"][0],
            "iss": desk.service.url,
            foreign: "https://evil.example",
        }
        requests.get(query["redirect_uri"][0], params=came, timeout=10)
        printed, complaint = process.communicate(timeout=30)
    assert (process.returncode != 0, printed) == (True, "")
    assert re.search(r"another sign-in|unexpected", complaint)


@pytest.fixture(scope="module")
def app_password(shared: Service, clients: Mapping[str, dict[str, str]]) -> str:
    """Alice's app password for its section's client, made by the README's command."""
    assert clients["app-password"]
    made = typed('app-password create "My grades" alice', "app-password", shared, "--json")
    return str(json.loads(made)["app_password"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_program_with_an_app_password_gets_grades(language: str, desk: Desk, app_password: str) -> None:
    """The program sends the app password where it sent the password."""
    way = "app-password"
    printed = desk.run(language, way, way, NET_ID="alice", APP_PASSWORD=app_password)
    assert json.loads(printed) == {"grades_of": "alice"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_unchanged_program_works_with_an_app_password(language: str, desk: Desk, app_password: str) -> None:
    """One changed value is enough: no line of the program changes."""
    printed = desk.run(language, "password", "app-password", NET_ID="alice", PASSWORD=app_password)
    assert json.loads(printed) == {"grades_of": "alice"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_app_password_of_another_program_gets_nothing(language: str, desk: Desk, app_password: str) -> None:
    """An app password works for its own client only: elsewhere the program fails."""
    with desk.running(language, "password", "device", NET_ID="alice", PASSWORD=app_password) as process:
        printed, complaint = process.communicate(timeout=30)
    assert (process.returncode != 0, printed) == (True, "")
    assert app_password not in complaint


@pytest.mark.parametrize("language", LANGUAGES)
def test_program_with_client_credentials_acts_for_itself(language: str, desk: Desk) -> None:
    """The API sees the program, and no user."""
    way = "client-credentials"
    assert json.loads(desk.run(language, way, way)) == {"grades_of": desk.clients[way]["CLIENT_ID"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_program_of_a_public_client_needs_no_secret(language: str, desk: Desk) -> None:
    """Without CLIENT_SECRET the program names itself by its id alone (RFC 6749, 3.2.1)."""
    with desk.running(language, "browser", "public") as process:
        follow(desk.service, process, "alice", "allow")
        printed, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(printed)) == (0, {"grades_of": "alice"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_old_program_of_a_moved_client_says_why_it_fails(language: str, desk: Desk) -> None:
    """Without the password grant, the old program fails with the server's sentence."""
    login = {"NET_ID": "alice", "PASSWORD": "alice-password"}
    with desk.running(language, "password", "moved", **login) as process:
        printed, complaint = process.communicate(timeout=30)
    assert (process.returncode != 0, printed) == (True, "")
    assert re.search("unauthorized_client|This client is not registered for this grant type", complaint)


@pytest.mark.parametrize("way", ["password", "device", "browser"])
def test_shell_passes_no_secret_as_an_argument(way: str, desk: Desk) -> None:
    """`ps` shows every argument: passwords, codes and tokens go to curl by its standard input.

    curl itself blanks the secret of `--user`.
    """
    log = desk.home / "arguments"
    curl = desk.home / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >>{log}\nexec {program("curl")} "$@"\n')
    curl.chmod(0o755)
    more = {"PATH": f"{curl.parent}:{os.environ['PATH']}", "NET_ID": "alice", "PASSWORD": "alice-password"}
    client = "device" if way == "password" else way
    with desk.running("shell", way, client, **more) as process:
        if way != "password":
            follow(desk.service, process, "alice", "allow")
        process.communicate(timeout=30)
    assert process.returncode == 0
    given = log.read_text("utf-8")
    assert "/oauth/token" in given
    assert re.findall(r"alice-password|nid[ar]_|verifier|device_code=|Bearer", given) == []
