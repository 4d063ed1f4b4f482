"""Changes that operators make by commands reach the host's syslog or journal."""

import io
import json
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from telemetry import system_log
from tests.conftest import Site

PREFIX = "<86>netid-oauth: "


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A syslog daemon's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(5)
        yield daemon


def received(listener: socket.socket) -> dict[str, Any]:
    """The next message, without its prefix."""
    message = listener.recv(65_536).decode("ascii")
    assert message.startswith(PREFIX)
    found: dict[str, Any] = json.loads(message.removeprefix(PREFIX))
    return found


def test_line_is_one_message(listener: socket.socket, tmp_path: Path) -> None:
    """A message has the facility for security (RFC 5424, 6.2.1), our tag and the line."""
    log = system_log(tmp_path / "log")
    assert log is not None
    log.info("client.created", actor="al\nice")
    message = received(listener)
    assert (message["event"], message["actor"]) == ("client.created", "al\nice")


def test_host_without_a_system_log_has_none(tmp_path: Path) -> None:
    """A container often has no socket, and a file in its place is none."""
    assert system_log(tmp_path / "none") is None
    (tmp_path / "file").touch()
    assert system_log(tmp_path / "file") is None


def test_line_that_the_daemon_does_not_take_goes_to_standard_error(
    listener: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stopped daemon leaves its socket behind; the line is not lost."""
    log = system_log(tmp_path / "log")
    assert log is not None
    listener.close()
    log.info("client.created")
    assert json.loads(capsys.readouterr().err)["event"] == "client.created"


def test_full_daemon_blocks_no_command(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that reads nothing costs a command no wait: the kernel's queue is full after some messages."""
    log, errors = system_log(tmp_path / "log"), io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    assert log is not None
    for _ in range(2000):
        log.info("client.created")
    assert errors.getvalue().count("client.created") > 1000


def test_command_of_an_operator_is_in_the_system_log(
    listener: socket.socket, tmp_path: Path, make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the operator, and the terminal shows only what the command prints."""
    instance = make_site().app.instance_path
    monkeypatch.setattr("telemetry.syslog.SOCKET", tmp_path / "log")
    app = create_app({"NETID_INSTANCE_PATH": instance})
    result = app.test_cli_runner().invoke(args=["scope", "create", "grades", "--reason", "ticket 4711"])
    assert (result.exit_code, result.stderr) == (0, "")
    message = received(listener)
    assert (message["event"], message["scope"]) == ("scope.created", "grades")
    assert message["actor"].split(" (")[0] == pwd.getpwuid(os.getuid()).pw_name
    assert message["actor_reason"] == "ticket 4711"
