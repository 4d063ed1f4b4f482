"""The way of a script to an app password: by commands and curl, before a real OpenLDAP that writes a log."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers.netid import PROJECT, Running, environment, serving
from tests.servers.policy import PolicySlapd

pytestmark = pytest.mark.server

ASK = 'curl -s -u "$CLIENT" --data-urlencode grant_type=password --data-urlencode username=alice \
  --data-urlencode "password=$PASSWORD" "$URL/oauth/token"'

CREATE = ("client", "create", "A script", "--grant", "password", "--scope", "profile", "--json")
MAKE = ("app-password", "create", "A script", "alice", "--label", "a script", "--days", "9", "--json")


class Script:
    """A shell script with the password grant, whose only changed value is PASSWORD."""

    def __init__(self, server: Running, instance: Path, settings: Mapping[str, str]) -> None:
        self._url = f"http://127.0.0.1:{server.port}"
        self._environ = environment(instance, **settings)
        made = json.loads(self.flask(*CREATE))
        self._client = f"{made['client_id']}:{made['client_secret']}"

    def flask(self, *arguments: str) -> str:
        """What a command of the operator prints."""
        command = [sys.executable, "-m", "flask", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environ, capture_output=True, text=True, check=True
        )
        return done.stdout

    def run(self, password: str) -> dict[str, object]:
        """What the script gets."""
        given = {"CLIENT": self._client, "PASSWORD": password, "URL": self._url}
        done = subprocess.run(
            ["sh", "-c", ASK],
            env={**self._environ, **given},
            capture_output=True,
            text=True,
            check=True,
        )
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def me(self, token: object) -> dict[str, object]:
        """What the resource says of the token's user."""
        header = f"Authorization: Bearer {token}"
        done = subprocess.run(
            ["curl", "-s", "-H", header, f"{self._url}/api/me"], capture_output=True, text=True, check=True
        )
        answer: dict[str, object] = json.loads(done.stdout)
        return answer


@pytest.fixture
def log(policy_slapd: PolicySlapd, tmp_path: Path) -> Path:
    """The directory's log."""
    path = tmp_path / "slapd.log"
    policy_slapd.server.stop()
    policy_slapd.server.start(log=path)
    return path


@pytest.fixture
def script(policy_slapd: PolicySlapd, tmp_path: Path) -> Iterator[Script]:
    """The script, and a server of two workers."""
    instance = tmp_path / "instance"
    with serving(instance, settings=policy_slapd.settings) as server:
        yield Script(server, instance, policy_slapd.settings)


def test_script_moves_by_one_value(script: Script, log: Path) -> None:
    """With the app password the same script gets the same user, and the directory's log has no bind."""
    made = json.loads(script.flask(*MAKE))
    answer = script.run(made["app_password"])
    assert answer["token_type"] == "Bearer"
    me = script.me(answer["access_token"])
    assert (me["net_id"], me["sub"]) == ("alice", made["sub"])
    assert script.run(made["app_password"].upper())["error"] == "invalid_grant"
    written = log.read_text("utf-8")
    assert "SRCH" in written
    assert re.findall(r'BIND dn="uid=[^"]*"', written) == []
    # The Net ID password takes the other way.
    assert "access_token" in script.run("alice-password")
    assert re.findall(r'BIND dn="(uid=alice,[^"]*)" method', log.read_text("utf-8"))


def test_revoked_one_ends_with_its_tokens(script: Script, log: Path) -> None:
    """A command ends it while two workers serve: the token and the app password are worth nothing at once."""
    made = json.loads(script.flask(*MAKE))
    tokens = [script.run(made["app_password"])["access_token"] for _ in range(4)]
    assert {script.me(token)["net_id"] for token in tokens} == {"alice"}
    script.flask("app-password", "revoke", made["app_password_id"], "--yes")
    for token in tokens:
        assert script.me(token)["error"] == "invalid_token"
    for _ in range(4):
        assert script.run(made["app_password"])["error"] == "invalid_grant"
    assert "uid=alice" not in "".join(re.findall(r"BIND .*", log.read_text("utf-8")))
