"""Requests and worker processes do not see the secrets in the server's environment."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bench.machine import family
from directory.ldap.config import LdapSettings
from serving import forget_variables
from settings import SECRET_VARIABLES, SECRETS, Settings
from tests.servers.netid import PROJECT, await_port, environment, free_port

pytestmark = pytest.mark.slow

KEY = "an-environment-key-of-forty-characters-x"
PASSWORD = "a-bind-password-that-nobody-has"
# PEP 3333, "environ Variables"; those after the first line are the WSGI server's own.
NAMED = {
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH"),
    *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "REMOTE_ADDR"),
    *("wsgi.version", "wsgi.url_scheme", "wsgi.input", "wsgi.errors"),
    *("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"),
    "wsgi.input_terminated",
}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every secret that the environment may hold, with a value that is found nowhere else."""
    folder = tmp_path_factory.mktemp("database")
    return {
        "NETID_SECRET_KEY": KEY,
        "NETID_LDAP_BIND_PASSWORD": PASSWORD,
        "NETID_DATABASE_URL": f"sqlite:///{folder}/told-by-nobody.sqlite3",
    }


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, migrated_instance: Path, secrets: dict[str, str]
) -> Iterator[tuple[int, int]]:
    """The process id and the port of a server that was started with all of them."""
    instance = tmp_path_factory.mktemp("revealing") / "instance"
    shutil.copytree(migrated_instance, instance)
    port = free_port()
    settings = {
        "NETID_BIND": f"127.0.0.1:{port}",
        "NETID_LDAP_URI": "ldaps://127.0.0.1:1",
        "NETID_LDAP_USER_BASE": "dc=campus,dc=example",
        "NETID_LDAP_BIND_DN": "cn=service,dc=campus,dc=example",
        "HTTP_PROXY": "http://proxy.campus.example",
        "A_VARIABLE_OF_OURS": "its value",
        **secrets,
    }
    output = instance.with_suffix(".log")
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.revealing"],
            cwd=PROJECT,
            env=environment(instance, **settings),
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        await_port(process, port, output)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def revealed(started: tuple[int, int]) -> dict[str, Any]:
    """What a worker shows of a request."""
    request = Request(f"http://127.0.0.1:{started[1]}/reveal?a=b", data=b"x=y", headers={"X-Of-Ours": "z"})
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        shown: dict[str, Any] = json.load(answer)
    return shown


def test_environ_has_only_the_keys_of_the_standard(revealed: dict[str, Any]) -> None:
    """A request's environ is its own, and nothing of the process's environment is in it (PEP 3333)."""
    environ = revealed["environ"]
    assert {name for name in environ if not name.startswith("HTTP_")} == NAMED
    assert environ["HTTP_X_OF_OURS"] == "z"
    assert "HTTP_PROXY" not in environ
    assert environ["SCRIPT_NAME"] == ""
    assert environ["wsgi.multiprocess"] == "True"


def test_worker_has_its_settings_and_no_secret_in_its_environment(
    revealed: dict[str, Any], secrets: dict[str, str]
) -> None:
    """Secrets reach a worker in memory only. All other variables are still in its environment."""
    assert revealed["settings"] == {
        "bind password": True,
        "database": secrets["NETID_DATABASE_URL"],
        "keys": [KEY],
    }
    assert set(revealed["os"]).isdisjoint(secrets)
    assert not any(value in str(revealed["os"]) for value in secrets.values())
    assert revealed["os"]["A_VARIABLE_OF_OURS"] == "its value"


def test_kernel_shows_no_secret_of_any_process(started: tuple[int, int], secrets: dict[str, str]) -> None:
    """`/proc/PID/environ` of the supervisor and of each worker has the secrets overwritten (proc(5))."""
    processes = family(started[0])
    assert len(processes) == 3
    for process in processes:
        shown = Path(f"/proc/{process}/environ").read_bytes()
        assert b"A_VARIABLE_OF_OURS=its value" in shown
        assert not any(value.encode() in shown for value in secrets.values())


def test_every_secret_setting_is_forgotten() -> None:
    """A setting of a secret type is one whose variable leaves the environment."""
    fields = {
        **Settings.model_fields,
        **{f"ldap_{name}": field for name, field in LdapSettings.model_fields.items()},
    }
    secret = {name for name, field in fields.items() if "SecretStr" in str(field.annotation)}
    assert secret == set(SECRETS)
    assert {f"NETID_{name.upper()}" for name in secret} == set(SECRET_VARIABLES)


def test_variables_that_are_not_set_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only variables that exist are removed."""
    monkeypatch.setenv("NETID_ONE", "1")
    monkeypatch.delenv("NETID_TWO", raising=False)
    with monkeypatch.context():
        forget_variables(["NETID_ONE", "NETID_TWO"])
    done = subprocess.run(["env"], capture_output=True, text=True, check=True)
    assert "NETID_ONE" not in done.stdout
