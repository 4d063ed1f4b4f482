"""APIs that check tokens as the pages of docs/recipes/ say, each started from its page's files.

Owns: one starter per page. Must not know: what is tested.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.clients.conftest import API, PLAIN_SECRET, Service
from tests.clients.locks import alone
from tests.clients.recipes import EXAMPLE_AUDIENCE, Recipe, missing, program, running
from tests.servers.apache import apache_configuration, require_openidc
from tests.servers.netid import PROJECT, free_port

_NJS = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")


@dataclass(frozen=True)
class Registration:
    """The API, as the server knows it."""

    client_id: str = API
    audience: str = EXAMPLE_AUDIENCE

    @property
    def values(self) -> dict[str, str]:
        """The placeholders of a page, with what replaces them."""
        return {"API_CLIENT_ID": self.client_id, "API_CLIENT_SECRET": PLAIN_SECRET}

    def environ(self, service: Service) -> dict[str, str]:
        """The variables that configure an API."""
        return {
            **self.values,
            "API_AUDIENCE": self.audience,
            "INTROSPECTION_URL": service.introspection_url,
        }


Starter = Callable[[Path, Service, Registration], AbstractContextManager[str]]


@contextmanager
def flask(folder: Path, service: Service, api: Registration) -> Iterator[str]:
    """Start examples/protected_app.py."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", str(PROJECT / "examples" / "protected_app.py")]
    environ = {**api.environ(service), "REQUESTS_CA_BUNDLE": str(service.ca)}
    with running([*command, "run", "--port", str(port)], port, folder, environ):
        yield f"http://127.0.0.1:{port}/grades"


@cache
def _built_go() -> Path:
    """Build the page's program, once per test process."""
    program("go")
    folder = Path(tempfile.mkdtemp(prefix="netid-go-"))
    for path, text in Recipe("go").files.items():
        (folder / path).write_text(text, "utf-8")
    subprocess.run(["go", "vet", "."], cwd=folder, check=True)
    subprocess.run(["go", "build", "-o", "grades", "."], cwd=folder, check=True)
    return folder / "grades"


@contextmanager
def go(folder: Path, service: Service, api: Registration) -> Iterator[str]:
    """Start the API in Go."""
    port = free_port()
    environ = {**api.environ(service), "PORT": str(port), "SSL_CERT_FILE": str(service.ca)}
    with running([str(_built_go())], port, folder, environ):
        yield f"http://127.0.0.1:{port}/grades"


@contextmanager
def node(folder: Path, service: Service, api: Registration) -> Iterator[str]:
    """Start the API in Node."""
    port = free_port()
    Recipe("node").write(folder, service, {})
    environ = {**api.environ(service), "PORT": str(port), "NODE_EXTRA_CA_CERTS": str(service.ca)}
    with running([program("node"), "server.mjs"], port, folder, environ):
        yield f"http://127.0.0.1:{port}/grades"


@cache
def _built_spring() -> Path:
    """Build the page's program, once per test process: it configures itself by its environment."""
    program("mvn")
    folder = Path(tempfile.mkdtemp(prefix="netid-spring-"))
    for path, text in Recipe("spring").files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    with alone("maven"):
        for offline in (["-o"], []):
            command = ["mvn", *offline, "-B", "-q", "-ntp", "package"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return folder / "target" / "grades-1.jar"
    if "Could not resolve" in done.stdout or "could not be resolved" in done.stdout:
        missing("Spring Boot")
    pytest.fail(done.stdout)


@contextmanager
def spring(
    folder: Path, service: Service, api: Registration, profile: str = "introspection"
) -> Iterator[str]:
    """Start the API in Spring."""
    port = free_port()
    jar = _built_spring()
    trust = ["-keystore", str(folder / "trust.p12"), "-storepass", "changeit"]
    read = ["keytool", "-importcert", "-noprompt", "-alias", "netid", "-file", str(service.ca)]
    subprocess.run([*read, *trust], check=True, capture_output=True)
    command = [
        "java",
        "-XX:TieredStopAtLevel=1",
        f"-Djavax.net.ssl.trustStore={folder}/trust.p12",
        "-Djavax.net.ssl.trustStorePassword=changeit",
        "-jar",
        str(jar),
        f"--spring.profiles.active={profile}",
        f"--server.port={port}",
        f"--netid.issuer={service.url}",
        f"--netid.audience={api.audience}",
    ]
    with running(command, port, folder, api.environ(service)):
        yield f"http://127.0.0.1:{port}/grades"


@contextmanager
def nginx(folder: Path, service: Service, api: Registration) -> Iterator[str]:
    """Start nginx, with a program behind it that shows the X-Net-Id that it got."""
    if not _NJS.exists():
        missing("libnginx-mod-http-js")
    port, backend = free_port(), free_port()
    (encode,) = Recipe("nginx").blocks("shell")
    for old, new in api.values.items():
        encode = encode.replace(old, new)
    credentials = subprocess.run(["bash", "-c", encode], capture_output=True, text=True, check=True).stdout
    values = {
        "BASE64_OF_ID_COLON_SECRET": credentials,
        "listen 8080": f"listen 127.0.0.1:{port}",
        "127.0.0.1:5000": f"127.0.0.1:{backend}",
        EXAMPLE_AUDIENCE: api.audience,
    }
    files = Recipe("nginx").write(folder, service, values)
    user = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi", "client_body")
    )
    (folder / "nginx.conf").write_text(
        f"""
        load_module {_NJS};
        daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
        events {{ }}
        http {{
            access_log off; {paths}
            server {{
                listen 127.0.0.1:{backend};
                location / {{ add_header X-Net-Id $http_x_net_id; return 200; }}
            }}
            include {files["/etc/nginx/conf.d/grades.conf"]};
        }}
        """,
        "utf-8",
    )
    command = [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with running(command, port, folder):
        yield f"http://127.0.0.1:{port}/grades/"


@contextmanager
def apache(folder: Path, service: Service, api: Registration) -> Iterator[str]:
    """Start Apache, with a file behind it. X-Net-Id of the answer is the REMOTE_USER."""
    require_openidc()
    port = free_port()
    (folder / "grades").mkdir(mode=0o755)
    (folder / "grades" / "index.html").write_text("the grades", "utf-8")
    files = Recipe("apache").write(folder, service, {**api.values, EXAMPLE_AUDIENCE: api.audience})
    grades = files["/etc/apache2/conf-available/grades.conf"]
    (folder / "apache.conf").write_text(apache_configuration(folder, port, grades), "utf-8")
    with running([program("apache2"), "-X", "-f", str(folder / "apache.conf")], port, folder):
        yield f"http://127.0.0.1:{port}/grades/"


STARTERS: Mapping[str, Starter] = {
    "flask": flask,
    "go": go,
    "node": node,
    "spring": spring,
    "nginx": nginx,
    "apache": apache,
}


@contextmanager
def started_api(name: str, service: Service, api: Registration) -> Iterator[str]:
    """Start an API in a folder of its own, and give its URL. Its user can read the folder and the CA."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        ca = folder / "ca.pem"
        shutil.copy(service.ca, ca)
        ca.chmod(0o644)
        with STARTERS[name](folder, Service(service.url, ca), api) as url:
            yield url
