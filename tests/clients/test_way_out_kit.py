"""The programs of examples/way-out/, run against a real server: each way out of the password grant works."""

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.clients.apis import Registration, started_api
from tests.clients.conftest import Service
from tests.clients.recipes import program
from tests.clients.way_out import (
    LANGUAGES,
    UPDATES,
    WAYS,
    Desk,
    answer_on_phone,
    asked,
    follow,
    registered,
    typed,
)

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def api(shared: Service) -> Iterator[str]:
    """The URL of the grades API, which asks the server about each token."""
    with started_api("flask", shared, Registration()) as url:
        yield url


@pytest.fixture(scope="module")
def clients(shared: Service) -> Mapping[str, dict[str, str]]:
    """One client for each section of the README, registered and then changed as it says."""
    return {section: registered(section, shared) for section in UPDATES}


@pytest.fixture
def desk(service: Service, api: str, clients: Mapping[str, dict[str, str]], tmp_path: Path) -> Desk:
    """A user's computer."""
    return Desk(service, api, tmp_path, clients)


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
