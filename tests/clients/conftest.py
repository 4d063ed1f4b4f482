"""A production server over HTTPS for third-party programs, with clients imported from an older server."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import requests
import trustme

from tests.servers.netid import PROJECT, environment, free_port, serving
from tests.servers.npm import require_packages

# Characters that are special in Basic, in a form or in a shell (RFC 6749, 2.3.1 and appendix A.2).
ODD_SECRET = "s3cr+t %41&=:/?#\"'~!*()"
PLAIN_SECRET = "kR2v9xQ4bN7mW1sZ6tY3uP8cD5fG0hJ"

PROGRAM = "grade-export"
ODD_PROGRAM = "grade-export-2"
API = "grades-api"
FOREIGN_API = "library-api"
BODY_PROGRAM = "body-program"
POST_PROGRAM = "post-program"
MAIL = "mail-server"
MAIL_PROGRAM = "mail-program"
JWT_PROGRAM = "jwt-program"
QUIET_PROGRAM = "quiet-program"
RADIUS = "radius-server"
AUDIENCE = "https://grades.example"
_GRANTS = ["password", "refresh_token", "client_credentials"]
_CLIENTS: list[dict[str, object]] = [
    {"client_id": PROGRAM, "client_secret": PLAIN_SECRET, "grant_types": _GRANTS, "scope": "profile grades"},
    {
        "client_id": ODD_PROGRAM,
        "client_secret": ODD_SECRET,
        "grant_types": _GRANTS,
        "scope": "profile grades",
    },
    {
        "client_id": BODY_PROGRAM,
        "client_secret": ODD_SECRET,
        "grant_types": _GRANTS,
        "scope": "profile grades",
        "token_endpoint_auth_method": "client_secret_post",
    },
    {
        "client_id": POST_PROGRAM,
        "client_secret": PLAIN_SECRET,
        "grant_types": _GRANTS,
        "scope": "profile grades",
        "token_endpoint_auth_method": "client_secret_post",
    },
    {
        "client_id": MAIL,
        "client_secret": PLAIN_SECRET,
        "grant_types": ["password"],
        "scope": "mail",
        "token_endpoint_auth_method": "client_secret_post",
        "resource_server": True,
    },
    {
        "client_id": MAIL_PROGRAM,
        "client_secret": PLAIN_SECRET,
        "grant_types": ["password"],
        "scope": "mail profile",
    },
    {
        "client_id": QUIET_PROGRAM,
        "client_secret": PLAIN_SECRET,
        "grant_types": ["password"],
        "scope": "grades",
        "released_claims": ["mail"],
    },
    {
        "client_id": RADIUS,
        "client_secret": PLAIN_SECRET,
        "grant_types": ["password"],
        "scope": "network",
        "token_endpoint_auth_method": "client_secret_post",
    },
    {
        "client_id": JWT_PROGRAM,
        "client_secret": PLAIN_SECRET,
        "grant_types": _GRANTS,
        "scope": "profile grades openid",
        "access_token_format": "ES256",
        "audiences": [AUDIENCE],
        "id_token": True,
    },
    {"client_id": API, "client_secret": PLAIN_SECRET, "scope": "grades", "resource_server": True},
    {"client_id": FOREIGN_API, "client_secret": PLAIN_SECRET, "scope": "loans", "resource_server": True},
]


@dataclass(frozen=True)
class Service:
    """The running server, as its clients know it."""

    url: str
    ca: Path

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/oauth/token"

    @property
    def introspection_url(self) -> str:
        """The introspection endpoint."""
        return f"{self.url}/oauth/introspect"

    def token(self, scope: str = "profile grades") -> str:
        """Return an access token for alice, requested by form."""
        form = {"grant_type": "password", "username": "alice", "password": "alice-password", "scope": scope}
        return str(self.post("token", PROGRAM, **form)["access_token"])

    def post(self, endpoint: str, client_id: str, **form: str) -> dict[str, object]:
        """Post a form, require a 200, and return the answer."""
        answer = requests.post(
            f"{self.url}/oauth/{endpoint}",
            data=form,
            auth=(client_id, PLAIN_SECRET),
            verify=str(self.ca),
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, object] = answer.json()
        return body


def library(name: str) -> ModuleType:
    """Return a client library. Without it the test is skipped; in CI it fails."""
    if os.environ.get("CI"):
        __import__(name)
    module: ModuleType = pytest.importorskip(name, reason=f"{name} is not installed")
    return module


@contextmanager
def started(instance: Path, **settings: str) -> Iterator[Service]:
    """Run the server as `make run` starts it, with the clients imported, during the block."""
    with serving(instance, "--walkthrough", settings=settings) as server:
        subprocess.run(
            [sys.executable, "-m", "flask", "client", "import", "-"],
            cwd=PROJECT,
            env=environment(instance),
            input=json.dumps(_CLIENTS),
            text=True,
            check=True,
            capture_output=True,
        )
        yield Service(f"https://localhost:{server.port}", instance / "tls" / "ca.pem")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The server, over the embedded directory."""
    with started(tmp_path_factory.mktemp("clients") / "instance") as service:
        yield service


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with the same clients, whose directory is down."""
    folder = tmp_path_factory.mktemp("outage")
    trustme.CA().cert_pem.write_to_path(str(folder / "ldap-ca.pem"))
    settings = {
        "NETID_LDAP_URI": f"ldaps://127.0.0.1:{free_port()}",
        "NETID_LDAP_CA_FILE": str(folder / "ldap-ca.pem"),
        "NETID_LDAP_USER_BASE": "ou=people,dc=campus,dc=example",
    }
    with started(folder / "instance", **settings) as service:
        yield service


@pytest.fixture
def service(shared: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The server; requests and httpx trust the CA of its certificate."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(shared.ca))
    return shared


@pytest.fixture
def tls(service: Service) -> ssl.SSLContext:
    """A TLS context that trusts the server's CA alone."""
    return ssl.create_default_context(cafile=service.ca)


@pytest.fixture(scope="session")
def node() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script of tests/clients/node. Its packages are installed from the lock file."""
    folder = Path(__file__).parent / "node"
    require_packages(folder)

    def run(script: str, service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["node", script, service.url, *arguments],
            cwd=folder,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(service.ca)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return run
