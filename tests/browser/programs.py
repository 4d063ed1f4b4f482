"""The programs of docs/programs/, each registered and started as its page says.

Owns: one starter for each page. Must not know: what is tested.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path

import requests

from tests.clients.conftest import Service
from tests.clients.locks import alone
from tests.clients.recipes import Recipe, missing, program, running
from tests.servers.apache import apache_configuration, require_openidc
from tests.servers.netid import PROJECT, environment, free_port
from tests.servers.npm import require_packages

PAGES = PROJECT / "docs" / "programs"
SITE = "https://app.campus.example"
_CLIENTS = PROJECT / "tests" / "clients"
_PATIENCE_SECONDS = 60

Starter = Callable[[Path, Service], AbstractContextManager[str]]


def registered(page: Recipe, service: Service, site: str) -> dict[str, str]:
    """Register a program by the command of its page; return its `CLIENT_ID` and `CLIENT_SECRET`."""
    (command,) = (
        line for each in page.blocks("shell") for line in each.splitlines() if "client create" in line
    )
    arguments = shlex.split(command.replace(SITE, site))[1:]
    done = subprocess.run(
        [sys.executable, "-m", "flask", *arguments, "--json"],
        cwd=PROJECT,
        env=environment(service.ca.parents[1]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return {"CLIENT_ID": made["client_id"], "CLIENT_SECRET": made["client_secret"] or ""}


@contextmanager
def flask(folder: Path, service: Service) -> Iterator[str]:
    """Start the application in Flask."""
    port, page = free_port(), Recipe("flask", PAGES)
    site = f"http://127.0.0.1:{port}"
    files = page.write(folder, service, {SITE: site})
    environ = {
        **registered(page, service, site),
        "SECRET_KEY": "of a test",
        "REQUESTS_CA_BUNDLE": str(service.ca),
    }
    command = [sys.executable, "-m", "flask", "--app", str(files["app.py"]), "run", "--port", str(port)]
    with running(command, port, folder, environ):
        yield f"{site}/"


@contextmanager
def node(folder: Path, service: Service) -> Iterator[str]:
    """Start the application in Node."""
    port, page = free_port(), Recipe("node", PAGES)
    site = f"http://127.0.0.1:{port}"
    files = page.write(folder, service, {SITE: site})
    (folder / "node_modules").symlink_to(require_packages(_CLIENTS / "node"))
    environ = {
        **registered(page, service, site),
        "PORT": str(port),
        "NODE_EXTRA_CA_CERTS": str(service.ca),
    }
    with running([program("node"), str(files["app.mjs"])], port, folder, environ):
        yield f"{site}/"


@contextmanager
def apache(folder: Path, service: Service) -> Iterator[str]:
    """Start Apache, with a file behind it. X-Net-Id of the answer is the REMOTE_USER."""
    require_openidc()
    port, page = free_port(), Recipe("apache", PAGES)
    site = f"http://127.0.0.1:{port}"
    ca = folder / "ca.pem"
    ca.write_bytes(service.ca.read_bytes())
    ca.chmod(0o644)  # Apache reads it as another user
    values = {SITE: site, "A_LONG_RANDOM_TEXT": "of-a-test", **registered(page, service, site)}
    files = page.write(folder, Service(service.url, ca), values)
    (folder / "grades").mkdir(mode=0o755)
    (folder / "grades" / "index.html").write_text("the grades", "utf-8")
    sign_in = files["/etc/apache2/conf-available/sign-in.conf"]
    configuration = folder / "apache.conf"
    configuration.write_text(apache_configuration(folder, port, sign_in), "utf-8")
    with running([program("apache2"), "-X", "-f", str(configuration)], port, folder):
        yield f"{site}/grades/"


@contextmanager
def jupyterhub(folder: Path, service: Service) -> Iterator[str]:
    """Start JupyterHub with its own proxy. Its page names the user; no notebook server is started."""
    port, page = free_port(), Recipe("jupyterhub", PAGES)
    site = f"http://127.0.0.1:{port}"
    files = page.write(folder, service, {SITE: site})
    with files["jupyterhub_config.py"].open("a") as file:
        file.write(_HUB.format(port=port, hub=free_port(), api=free_port()))
    proxy = require_packages(_CLIENTS / "jupyterhub") / ".bin"
    environ = {
        **registered(page, service, site),
        "PATH": f"{proxy}:{os.environ['PATH']}",
        "JUPYTERHUB_CRYPT_KEY": "00" * 32,
    }
    hub = _jupyterhub_environment() / "bin" / "jupyterhub"
    with running([str(hub), "-f", str(files["jupyterhub_config.py"])], port, folder, environ):
        _await_hub(f"{site}/hub/health", folder)
        yield f"{site}/hub/home"


def _await_hub(url: str, folder: Path) -> None:
    """Wait until the hub answers: its proxy listens before it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if requests.get(url, timeout=10).status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"the hub did not start:\n{(folder / 'output.log').read_text('utf-8')}")


# What the page leaves to the operator: the addresses, and where a user goes after signing in.
_HUB = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.spawner_class = "simple"
"""


def _jupyterhub_environment() -> Path:
    """Install JupyterHub into an environment beside ours, once for each set of pins."""
    pins = _CLIENTS / "jupyterhub" / "requirements.txt"
    folder = Path(sys.prefix) / "programs" / f"jupyterhub-{sha256(pins.read_bytes()).hexdigest()[:12]}"
    with alone("jupyterhub"):
        if not (folder / "installed").exists():
            venv.create(folder, with_pip=True, clear=True)
            install = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            done = subprocess.run([*install, "-r", str(pins)], capture_output=True, text=True, check=False)
            if done.returncode:
                missing(f"JupyterHub ({done.stderr[-300:]})")
            (folder / "installed").touch()
    return folder


STARTERS: Mapping[str, Starter] = {"flask": flask, "node": node, "apache": apache, "jupyterhub": jupyterhub}


@contextmanager
def started(name: str, service: Service) -> Iterator[str]:
    """Start a program in a folder of its own that its user can read, and give the URL to open."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        with STARTERS[name](folder, service) as url:
            yield url
