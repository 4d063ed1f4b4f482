"""The commands of docs/apis.md and docs/recipes/, run in order as a reader types them."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.protected_app import Signature, create_app
from tests.clients.conftest import Service
from tests.clients.recipes import EXAMPLE, EXAMPLE_AUDIENCE, FOLDER, running
from tests.conftest import Site
from tests.servers.netid import PROJECT, environment, free_port

pytestmark = pytest.mark.slow

APIS = (PROJECT / "docs" / "apis.md").read_text("utf-8")
FLASK = (FOLDER / "flask.md").read_text("utf-8")
PAGES = sorted(FOLDER.glob("*.md"))


def commands(text: str) -> list[str]:
    """Return the lines of a page's shell blocks."""
    blocks = re.findall(r"^```shell\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def answer(line: str, service: Service, **environ: str) -> dict[str, object]:
    """Run a command for the running server, and return the JSON that it prints."""
    command = f"{line} --silent --cacert {service.ca}" if line.startswith("curl") else f"{line} --json"
    command = command.replace(EXAMPLE, service.url).replace(".venv/bin/flask", f"{sys.executable} -m flask")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=PROJECT,
        env={**environment(service.ca.parents[1]), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    printed: dict[str, object] = json.loads(done.stdout)
    return printed


@pytest.fixture(scope="module")
def registered(shared: Service) -> dict[str, str]:
    """Register the scope, the API and the program as docs/apis.md says. Return its placeholders' values."""
    scope, api, program = (line for line in commands(APIS) if line.startswith(".venv/bin/flask"))
    answer(scope, shared)
    values: dict[str, str] = {}
    for role, line in (("API", api), ("PROGRAM", program)):
        made = answer(line, shared)
        values |= {f"{role}_{name.upper()}": str(made[name]) for name in ("client_id", "client_secret")}
    return values


@pytest.fixture(scope="module")
def token(shared: Service, registered: dict[str, str]) -> str:
    """Request a token as docs/apis.md says."""
    request, _ = (line for line in commands(APIS) if line.startswith("curl"))
    return str(answer(filled(request, registered), shared)["access_token"])


def filled(line: str, values: dict[str, str]) -> str:
    """Replace a line's placeholders."""
    for name, value in values.items():
        line = line.replace(name, value)
    return line


def test_token_of_the_document_is_live_at_its_api(
    shared: Service, registered: dict[str, str], token: str
) -> None:
    """The program gets a token with the scope, and the API's introspection shows whose it is."""
    _, introspect = (line for line in commands(APIS) if line.startswith("curl"))
    shown = answer(filled(introspect, {**registered, "ACCESS_TOKEN": token}), shared)
    assert (shown["active"], shown["username"], shown["scope"]) == (True, "alice", "profile grades")


def test_flask_example_works_with_its_own_requirements_alone(
    shared: Service, registered: dict[str, str], token: str, tmp_path: Path
) -> None:
    """The Flask page's commands install and start the example, which accepts the document's token."""
    port = free_port()
    page = FLASK.replace("grades-venv", str(tmp_path / "venv")).replace("5000", str(port))
    lines = commands(page.replace(EXAMPLE, shared.url))
    start = next(line for line in lines if " run --port " in line)
    before = lines[: lines.index(start)]
    for name in ("API_CLIENT_ID", "API_CLIENT_SECRET"):
        before = [line.replace(f"{name}=…", f"{name}={registered[name]}") for line in before]
    (tmp_path / "examples").symlink_to(PROJECT / "examples")
    install = [line for line in before if not line.startswith("export ")]
    subprocess.run(["bash", "-c", "\n".join(["set -eu", *install])], cwd=tmp_path, check=True)
    configure = [line for line in before if line.startswith("export ")]
    script = "\n".join(["set -eu", *configure, f"exec {start}"])
    with running(["bash", "-c", script], port, tmp_path, {"REQUESTS_CA_BUNDLE": str(shared.ca)}):
        use = next(line for line in lines if line.startswith("curl") and "ACCESS_TOKEN" in line)
        assert answer(use.replace("ACCESS_TOKEN", token), shared) == {"grades_of": "alice"}


def test_jwt_of_the_flask_page_is_accepted_by_its_signature(
    service: Service, registered: dict[str, str]
) -> None:
    """The page registers a program and requests a JWT for the API, which the example accepts (RFC 9068)."""
    (create,) = (line for line in commands(FLASK) if line.startswith(".venv/bin/flask"))
    (request,) = (line for line in commands(FLASK) if "/oauth/token" in line)
    program = answer(create, service)
    values = {f"PROGRAM_{name.upper()}": str(program[name]) for name in ("client_id", "client_secret")}
    token = answer(filled(request, values), service)["access_token"]
    api = create_app(Signature(service.url, EXAMPLE_AUDIENCE)).test_client()
    shown = api.get("/grades", headers={"Authorization": f"Bearer {token}"})
    assert shown.get_json() == {"grades_of": program["client_id"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_flask_commands_of_a_recipe_work_as_typed(page: Path, make_site: Callable[..., Site]) -> None:
    """The `flask` lines of a recipe work after those of docs/apis.md."""
    site = make_site()
    for line in commands(APIS) + commands(page.read_text("utf-8")):
        if line.startswith(".venv/bin/flask"):
            site.run(*shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_recipe_is_listed(page: Path) -> None:
    """docs/apis.md lists each recipe, and each recipe leads back to it or registers its own client."""
    text = page.read_text("utf-8")
    assert f"(recipes/{page.name})" in APIS
    assert "(../apis.md)" in text or "flask client create" in text


def test_requirements_of_the_example_are_the_tested_versions() -> None:
    """The example is tested with the versions that its own requirements name."""
    texts = [(PROJECT / name).read_text("utf-8") for name in ("requirements.txt", "requirements-dev.txt")]
    tested = {line for text in texts for line in text.splitlines()}
    pinned = (PROJECT / "examples" / "requirements.txt").read_text("utf-8").splitlines()
    assert {line for line in pinned if not line.startswith("#")} <= tested
