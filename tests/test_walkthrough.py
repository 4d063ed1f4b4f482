"""The walk-through of `make run`, with the commands that a newcomer types, and real curl."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.services import user_name
from tests.servers.netid import PROJECT, Running, environment, free_port, serving

pytestmark = pytest.mark.slow

_COMMAND = re.compile(r"^\s+(curl .*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder that does not exist yet."""
    return tmp_path_factory.mktemp("walkthrough") / "instance"


@pytest.fixture(scope="module")
def server(instance: Path) -> Iterator[Running]:
    """The server, as `make run` starts it."""
    with serving(instance, "--walkthrough") as running:
        yield running


@pytest.fixture
def demo(server: Running, instance: Path) -> str:
    """The demo client's `id:secret`."""
    kept = json.loads((instance / "demo-client.json").read_text("utf-8"))
    return f"{kept['client_id']}:{kept['client_secret']}"


def curl(command: str, **replaced: str) -> subprocess.CompletedProcess[str]:
    """Run a printed curl command in a shell, with some of its text replaced."""
    for old, new in replaced.items():
        command = command.replace(old, new)
    return subprocess.run(
        ["bash", "-c", f"{command} --silent --show-error"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        timeout=30,
    )


def test_make_run_starts_the_walk_through() -> None:
    """`make run` is `flask serve --walkthrough`, the command that these tests start."""
    shown = subprocess.run(["make", "-n", "run"], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "flask serve --walkthrough" in shown.stdout


def test_the_two_printed_commands_work_as_pasted(server: Running) -> None:
    """A token for a Net ID and a password (RFC 6749, 4.3), then a resource with it (RFC 6750, 2.1)."""
    ask, use, *_ = _COMMAND.findall(server.printed())
    answer = curl(ask)
    assert answer.stdout.endswith("\n"), answer
    token = json.loads(answer.stdout)
    assert {"access_token", "token_type", "expires_in", "refresh_token", "scope"} == set(token)
    me = curl(use, ACCESS_TOKEN=token["access_token"])
    assert json.loads(me.stdout)["net_id"] == "alice"
    assert "HTTP/1.1 200" in me.stderr


def test_the_printed_device_lines_show_a_code_and_ask_for_its_token(server: Running) -> None:
    """The first prints where to go and which code to enter; the second polls (RFC 8628, 3.2 and 3.4)."""
    *_, device, poll = _COMMAND.findall(server.printed())
    printed = curl(device).stdout
    assert f"https://localhost:{server.port}/device" in printed
    assert re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", printed)
    answer = curl(poll, **{"=DEVICE_CODE": f"={json.loads(printed)['device_code']}"})
    assert json.loads(answer.stdout)["error"] == "authorization_pending", answer


def test_make_serve_starts_no_demo_program(tmp_path: Path) -> None:
    """Only the walk-through registers the demo clients and runs the demo program."""
    with serving(tmp_path / "instance") as running:
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split()]
        assert "http://127.0.0.1" not in running.printed().partition("serves")[0]
    assert not [each for each in commands if b"sign_in" in each]
    assert not list((tmp_path / "instance").glob("demo-*"))


def test_the_document_s_form_works_without_checking_the_certificate(server: Running, demo: str) -> None:
    """`curl -k -d … -u …`, as in the source document, with the server's URL."""
    url = f"https://localhost:{server.port}/token"
    form = "grant_type=password&username=bob&password=bob-password"
    answer = curl(f'curl -k -d "{form}" -u "{demo}" "{url}"')
    assert json.loads(answer.stdout)["token_type"] == "Bearer"


def test_a_token_pasted_with_angle_brackets_is_a_plain_401(server: Running, demo: str) -> None:
    """`Bearer <token>`, as the document shows the placeholder, is an invalid token (RFC 6750, 3.1)."""
    ask, use, *_ = _COMMAND.findall(server.printed())
    token = json.loads(curl(ask).stdout)["access_token"]
    answer = curl(use, ACCESS_TOKEN=f"<{token}>")
    assert "HTTP/1.1 401" in answer.stderr
    assert json.loads(answer.stdout)["error"] == "invalid_token"


def test_unquoted_body_gets_a_hint_at_the_shell(server: Running, demo: str) -> None:
    """Without quotation marks a shell cuts at `&`: the answer names the parameter that never came."""
    url = shlex.quote(f"https://localhost:{server.port}/token")
    answer = curl(f'curl -k -d "grant_type=password&username=alice" -u "{demo}" {url}')
    assert json.loads(answer.stdout)["error_description"] == "The parameter password is missing."


def test_certificate_is_valid_under_the_printed_ca(server: Running, instance: Path) -> None:
    """With `--cacert` the certificate is verified; without it curl refuses (exit status 60)."""
    url = f"https://localhost:{server.port}/healthz"
    assert curl(f"curl --cacert {instance / 'tls' / 'ca.pem'} {url}").returncode == 0
    assert curl(f"curl {url}").returncode == 60


def test_a_password_that_is_not_ascii_works_url_encoded(server: Running, demo: str) -> None:
    """`--data-urlencode` carries any password (RFC 6749, appendix B)."""
    form = '-d grant_type=password --data-urlencode "username=zoe" --data-urlencode "password=zoë-pässwörd"'
    answer = curl(f'curl -k {form} -u "{demo}" https://localhost:{server.port}/token')
    assert json.loads(answer.stdout)["token_type"] == "Bearer"


def test_a_body_over_the_limit_is_refused_however_it_is_framed(
    server: Running, demo: str, tmp_path: Path
) -> None:
    """A long body is refused and never cut, with a Content-Length and in chunks."""
    body = tmp_path / "body"
    body.write_text("grant_type=password&username=alice&password=alice-password" + "x" * 20_000)
    for framing in ("", "-H 'Transfer-Encoding: chunked'"):
        url = f"https://localhost:{server.port}/token"
        answer = curl(
            f"curl -k {framing} -w '%{{http_code}}' -o /dev/null --data-binary @{body} -u {demo} {url}"
        )
        assert answer.stdout == "413", framing


def test_demo_client_is_registered_by_the_user_of_the_process(server: Running, instance: Path) -> None:
    """The audit names the user who ran `make run`."""
    assert server.port
    audit = subprocess.run(
        [*(sys.executable, "-m", "flask", "audit", "list"), "--event", "client.created", "--format", "jsonl"],
        cwd=PROJECT,
        env=environment(instance),
        capture_output=True,
        check=True,
    )
    actors = [json.loads(event)["actor"] for event in audit.stdout.splitlines()]
    assert actors == [user_name(os.getuid(), os.environ)] * 2


def test_second_start_keeps_certificate_and_demo_client(server: Running, instance: Path, demo: str) -> None:
    """Key, certificate, database and demo client stay as they are."""
    demo_files = [instance / "demo-client.json", instance / "demo-program.json"]
    kept = [instance / "secret.key", *demo_files, *(instance / "tls").iterdir()]
    before = {path: path.read_bytes() for path in kept}
    with serving(instance, "--walkthrough") as again:
        assert demo.partition(":")[2] in again.printed()
        assert {path: path.read_bytes() for path in kept} == before
        clients = subprocess.run(
            [sys.executable, "-m", "flask", "client", "list", "--json"],
            cwd=PROJECT,
            env=environment(instance),
            capture_output=True,
            check=True,
        )
    assert len(json.loads(clients.stdout)["items"]) == 2


def test_a_busy_port_is_one_clear_sentence(server: Running, instance: Path) -> None:
    """A second server on the same address names the setting, and exits with status 1."""
    environ = environment(instance, NETID_BIND=f"127.0.0.1:{server.port}")
    refused = subprocess.run(
        [sys.executable, "-m", "flask", "serve", "--walkthrough"],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "NETID_BIND" in refused.stderr


def test_a_mistaken_setting_is_one_clear_sentence(instance: Path) -> None:
    """A start with a setting that cannot be used names it, without a traceback."""
    environ = environment(
        instance, NETID_BIND=f"127.0.0.1:{free_port()}", NETID_ISSUER="http://campus.example"
    )
    refused = subprocess.run(
        [sys.executable, "-m", "flask", "serve"],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "NETID_ISSUER" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_make_serve_answers_plain_http_behind_a_proxy(tmp_path: Path) -> None:
    """Without a certificate the production server speaks HTTP, having made its database by itself."""
    with serving(tmp_path / "instance") as running:
        answer = curl(f"curl http://127.0.0.1:{running.port}/readyz")
    assert json.loads(answer.stdout) == {"status": "ok", "database": "ok", "directory": "ok"}
