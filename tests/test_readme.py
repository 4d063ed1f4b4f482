"""The README is correct: its commands run, and their answers look as it shows them."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings import load_settings
from tests.conftest import Site
from tests.loading import keep_secret
from tests.models.sign_in import SignIn
from tests.models.stores import Stores
from tests.servers.netid import PROJECT, Running, serving

pytestmark = pytest.mark.slow

README = (PROJECT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(shell|json)\n(.*?)```", README, re.DOTALL)
CURLS = [text.strip() for kind, text in BLOCKS if kind == "shell" and text.startswith("curl ")]
ANSWERS = [json.loads(text) for kind, text in BLOCKS if kind == "json"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """The server as `make run` starts it, and its instance folder."""
    instance = tmp_path_factory.mktemp("readme") / "instance"
    with serving(instance, "--walkthrough") as running:
        yield running, instance


def test_the_curl_commands_answer_as_shown(server: tuple[Running, Path]) -> None:
    """Each curl line of the walk-through, its placeholders replaced, answers with the members it shows."""
    running, instance = server
    demo = json.loads((instance / "demo-client.json").read_text("utf-8"))
    token = "none yet"
    assert len(CURLS) == len(ANSWERS) == 3
    for command, shown in zip(CURLS, ANSWERS, strict=True):
        line = (
            command.replace("client_id:client_secret", f"{demo['client_id']}:{demo['client_secret']}")
            .replace("ACCESS_TOKEN", token)
            .replace("localhost:8443", f"localhost:{running.port}")
        )
        done = subprocess.run(
            ["bash", "-c", f"{line} --silent"], capture_output=True, text=True, check=True, timeout=30
        )
        answer = json.loads(done.stdout)
        assert list(answer) == list(shown), command
        if "sub" in shown:
            assert answer == shown
        token = answer.get("access_token", token)


def commands(program: str) -> list[str]:
    """The lines of the README's shell blocks that run `program`."""
    lines = [line for kind, text in BLOCKS if kind == "shell" for line in text.splitlines()]
    return [line for line in lines if line.startswith(program)]


def test_the_make_targets_exist() -> None:
    """Every `make` command of the README is a target of the Makefile."""
    for line in commands("make "):
        target = shlex.split(line, comments=True)[1]
        subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, check=True)


@pytest.mark.parametrize(
    "document", ["README.md", "docs/clients.md", "docs/scopes.md", "docs/operating.md", "docs/apis.md"]
)
def test_the_flask_commands_work_as_typed(document: str, make_site: Callable[..., Site]) -> None:
    """Each `flask` line of a document works, in the order of the document."""
    text = (PROJECT / document).read_text("utf-8").replace("\\\n", " ")
    lines = re.findall(r"^\.venv/bin/flask (.*)$", text, re.MULTILINE)
    assert lines
    site = make_site()
    client = site.register("a program", "--grant", "refresh_token")
    for line in lines:
        # Commands that end grants or sessions fail if there is none.
        answer = site.ask_token(client)
        assert answer.status_code == 200
        begin_session(site, answer.get_json()["access_token"])
        site.run(*shlex.split(line, comments=True))


def begin_session(site: Site, token: str) -> None:
    """Begin a sign-in session of the user that a token is about."""
    sub = site.http.get("/api/me", headers={"Authorization": f"Bearer {token}"}).get_json()["sub"]
    with site.app.app_context():
        SignIn(Stores(site, site.clock)).begin(subject=sub)


def test_the_five_lines_point_at_a_directory(tmp_path: Path) -> None:
    """The five lines for a directory of one's own are settings without a mistake."""
    ca, secret = tmp_path / "ca.pem", tmp_path / "password"
    ca.write_text("a certificate", "utf-8")
    keep_secret(secret, "a password")
    lines = commands("export ")
    assert len(lines) == 5
    environ = {}
    for line in lines:
        name, _, value = shlex.split(line)[1].partition("=")
        environ[name] = value
    environ |= {"NETID_LDAP_CA_FILE": str(ca), "NETID_LDAP_BIND_PASSWORD_FILE": str(secret)}
    assert len(load_settings(tmp_path, environ).ldap.uris) == 2
