"""The configurations of docs/apis.md, copied from there, in the servers that they configure."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.clients.conftest import API, AUDIENCE, JWT_PROGRAM, PLAIN_SECRET, PROGRAM, Service
from tests.servers.netid import PROJECT, await_port, free_port

pytestmark = pytest.mark.server

DOCUMENT = (PROJECT / "docs" / "apis.md").read_text("utf-8")
BLOCKS: dict[str, str] = dict(re.findall(r"```(\w+)\n(.*?)```", DOCUMENT, re.DOTALL))
EXAMPLE = "https://netid.campus.example"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
MODULES = {
    "nginx": Path("/usr/lib/nginx/modules/ngx_http_js_module.so"),
    "apache2": Path("/usr/lib/apache2/modules/mod_auth_openidc.so"),
}


@contextmanager
def gateway(program: str, port: int, folder: Path, *arguments: str) -> Iterator[None]:
    """Run a server in the foreground during the block. It listens when the block begins."""
    output = folder / "output.log"
    path = f"{os.environ['PATH']}:/usr/sbin"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [str(shutil.which(program, path=path)), *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            await_port(process, port, output)
            yield
        finally:
            process.terminate()
            process.wait(30)


def require_module(program: str) -> None:
    """Skip the test if the server is missing; in CI, fail it."""
    if not MODULES[program].exists():
        if os.environ.get("CI"):
            pytest.fail(f"{MODULES[program].name} is not installed")
        pytest.skip(f"{MODULES[program].name} is not installed")


def configured(kind: str, service: Service) -> str:
    """Return a block of the document with the values of the running server."""
    credentials = b64encode(f"{API}:{PLAIN_SECRET}".encode()).decode()
    return (
        BLOCKS[kind]
        .replace(EXAMPLE, service.url)
        .replace(BUNDLE, str(service.ca))
        .replace("BASE64_OF_ID_COLON_SECRET", credentials)
        .replace("client_id\n", f"{API}\n")
        .replace("client_secret\n", f"{PLAIN_SECRET}\n")
    )


def nginx(folder: Path, service: Service) -> tuple[int, list[str]]:
    """Configure an nginx with the document's blocks. Returns its port and its arguments."""
    port, backend = free_port(), free_port()
    (folder / "netid.js").write_text(BLOCKS["js"], "utf-8")
    server = configured("nginx", service).replace("127.0.0.1:5000", f"127.0.0.1:{backend}")
    user = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi", "client_body")
    )
    (folder / "nginx.conf").write_text(
        f"""
        load_module {MODULES["nginx"]};
        daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
        events {{ }}
        http {{
            access_log off; {paths}
            js_import netid from {folder}/netid.js;
            server {{
                listen 127.0.0.1:{backend};
                location / {{ add_header X-Net-Id $http_x_net_id; return 200; }}
            }}
            server {{ listen 127.0.0.1:{port};
            {server}
            }}
        }}
        """,
        "utf-8",
    )
    return port, ["-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def apache(folder: Path, service: Service) -> tuple[int, list[str]]:
    """Configure an Apache with the document's block. Returns its port and its arguments."""
    port = free_port()
    (folder / "grades").mkdir(mode=0o755)
    (folder / "grades" / "index.html").write_text("the grades", "utf-8")
    names = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "dir", "auth_openidc")
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    (folder / "apache.conf").write_text(
        f"""
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
{user}
DocumentRoot {folder}
DirectoryIndex index.html
<Directory />
    AllowOverride None
</Directory>
Header always set X-Net-Id expr=%{{REMOTE_USER}}
{configured("apache", service)}
""",
        "utf-8",
    )
    return port, ["-X", "-f", str(folder / "apache.conf")]


SERVERS = {"nginx": nginx, "apache2": apache}


@pytest.fixture
def folder(service: Service) -> Iterator[Path]:
    """A folder with the CA that the server's workers can read under any user."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        shutil.copy(service.ca, folder / "ca.pem")
        (folder / "ca.pem").chmod(0o644)
        yield folder


@pytest.fixture(params=SERVERS)
def protected(request: pytest.FixtureRequest, service: Service, folder: Path) -> Iterator[str]:
    """The URL that a gateway protects."""
    program: str = request.param
    require_module(program)
    port, arguments = SERVERS[program](folder, Service(service.url, folder / "ca.pem"))
    with gateway(program, port, folder, *arguments):
        yield f"http://127.0.0.1:{port}/grades/"


def get(url: str, token: str | None) -> requests.Response:
    """Send a request with a token, and with a forged X-Net-Id header."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.get(url, headers={"X-Net-Id": "mallory", **bearer}, timeout=10)


def test_gateway_accepts_a_live_token_until_its_revocation(protected: str, service: Service) -> None:
    """A live token opens the API and names its user; a revoked token opens nothing."""
    token = service.token()
    answer = get(protected, token)
    assert (answer.status_code, answer.headers["X-Net-Id"]) == (200, "alice")
    service.post("revoke", PROGRAM, token=token)
    answer = get(protected, token)
    assert (answer.status_code, "invalid_token" in answer.headers["WWW-Authenticate"]) == (401, True)


def test_gateway_challenges_a_request_without_a_token(protected: str) -> None:
    """A request without a token gets 401 and a challenge."""
    answer = get(protected, None)
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


def test_gateway_refuses_a_token_without_a_scope_of_the_api(protected: str, service: Service) -> None:
    """A live token without any scope of the API passes no gateway. Apache reports it as a bad token."""
    assert get(protected, service.token("profile")).status_code in {401, 403}


# mod_auth_openidc reports every failure as a bad token, as docs/apis.md says.
@pytest.mark.parametrize(("program", "status"), [("nginx", 503), ("apache2", 401)])
def test_gateway_refuses_all_while_the_server_is_down(
    program: str, status: int, service: Service, folder: Path
) -> None:
    """Without the authorization server no request passes; nginx answers 503."""
    require_module(program)
    away = Service(f"https://localhost:{free_port()}", folder / "ca.pem")
    port, arguments = SERVERS[program](folder, away)
    with gateway(program, port, folder, *arguments):
        assert get(f"http://127.0.0.1:{port}/grades/", service.token()).status_code == status


def test_nginx_answers_403_without_the_scope_of_the_location(service: Service, folder: Path) -> None:
    """A token that the API may inspect, but without the location's scope, gets 403."""
    require_module("nginx")
    port, arguments = nginx(folder, Service(service.url, folder / "ca.pem"))
    configuration = folder / "nginx.conf"
    text = configuration.read_text("utf-8").replace("$wanted_scope grades", "$wanted_scope loans")
    configuration.write_text(text, "utf-8")
    with gateway("nginx", port, folder, *arguments):
        assert get(f"http://127.0.0.1:{port}/grades/", service.token()).status_code == 403


@pytest.mark.parametrize(("own", "status"), [(AUDIENCE, 200), ("https://loans.example", 401)])
@pytest.mark.parametrize("program", SERVERS)
def test_gateway_checks_the_audience(
    program: str, own: str, status: int, service: Service, folder: Path
) -> None:
    """A token for other APIs is refused, even if the server calls it active (RFC 7662, 4)."""
    require_module(program)
    # A client may introspect its own tokens for every audience.
    port, arguments = SERVERS[program](folder, Service(service.url, folder / "ca.pem"))
    configuration = next(folder.glob("*.conf"))
    text = configuration.read_text("utf-8").replace("https://grades.campus.example", own)
    api, other = (b64encode(f"{name}:{PLAIN_SECRET}".encode()).decode() for name in (API, JWT_PROGRAM))
    text = text.replace(api, other).replace(f"{API}\n", f"{JWT_PROGRAM}\n")
    configuration.write_text(text, "utf-8")
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    answer = service.post("token", JWT_PROGRAM, **form, scope="profile grades", resource=AUDIENCE)
    with gateway(program, port, folder, *arguments):
        url = f"http://127.0.0.1:{port}/grades/"
        assert get(url, str(answer["access_token"])).status_code == status


def test_curl_command_of_the_document_works(service: Service) -> None:
    """The document's curl command introspects a token, with its placeholders replaced."""
    (line,) = re.findall(r"^curl .*/oauth/introspect.*$", DOCUMENT, re.MULTILINE)
    command = (
        line.replace("client_id:client_secret", f"{API}:{PLAIN_SECRET}")
        .replace("ACCESS_TOKEN", service.token())
        .replace(EXAMPLE, service.url)
    )
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent --cacert {service.ca}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["username"] == "alice"
