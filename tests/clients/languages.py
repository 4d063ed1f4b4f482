"""Unmodified OAuth libraries of several languages, each in one small program of tests/clients/<language>/.

Owns: building the programs and running them. Must not know: what is tested.

Each program gets the URL, the client's id and secret, and alice's password. It prints one JSON object:
`token` after a login and a revocation, or `status` and `error` of a refusal.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tests.clients.conftest import Service
from tests.clients.locks import alone
from tests.clients.recipes import missing, program
from tests.servers.npm import require_packages

_HERE = Path(__file__).parent


@cache
def _output() -> Path:
    """Return the folder for what is built, one per test process."""
    return Path(tempfile.mkdtemp(prefix="netid-clients-"))


def _build(*command: str, language: str, needs: str) -> None:
    """Build a program; without its packages the test is skipped, and in CI it fails."""
    done = subprocess.run(command, cwd=_HERE / language, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"{needs} ({done.stdout}{done.stderr})"[-600:])


@cache
def _python(name: str) -> list[str]:
    return [sys.executable, str(_HERE / "python" / name)]


@cache
def _node() -> list[str]:
    require_packages(_HERE / "node")
    return [program("node"), str(_HERE / "node" / "login.js")]


@cache
def _go(mode: str = "login") -> list[str]:
    built = _output() / "go"
    if not built.exists():
        _build(program("go"), "build", "-o", str(built), ".", language="go", needs="the modules of go/")
    return [str(built), mode]


@cache
def _rust() -> list[str]:
    _build(program("cargo"), "build", "--quiet", "--locked", language="rust", needs="the crates of rust/")
    return [str(_HERE / "rust" / "target" / "debug" / "login")]


@cache
def _java(mode: str) -> list[str]:
    folder = _output() / "java"
    classpath = _output() / "classpath"
    if not folder.exists():
        listed = ("-B", "-q", "-ntp", "dependency:build-classpath", f"-Dmdep.outputFile={classpath}")
        with alone("maven"):
            _build(program("mvn"), *listed, language="java", needs="the packages of java/")
        source = ("-d", str(folder), "-cp", classpath.read_text("utf-8"), "Clients.java")
        _build(program("javac"), *source, language="java", needs="a compiler for Java")
    path = f"{folder}:{classpath.read_text('utf-8')}"
    return [program("java"), "-XX:TieredStopAtLevel=1", "-cp", path, "Clients", mode]


@cache
def _script(interpreter: str, name: str, *check: str) -> list[str]:
    """Return the command of a script whose packages Debian has."""
    command = program(interpreter)
    if subprocess.run([command, *check], capture_output=True, check=False).returncode:
        missing(" ".join(check))
    return [command, str(_HERE / name)]


# Each library with its defaults. "go" detects how the server wants the secret. "authlib" uses the form for
# tokens, and the header for revocation. openid-client, ruby and perl use the form, the others the header.
LOGINS: Mapping[str, Callable[[], list[str]]] = {
    "go": _go,
    "authlib": lambda: _python("authlib_client.py"),
    "requests-oauthlib": lambda: _python("requests_oauthlib_client.py"),
    "openid-client": _node,
    "ruby": lambda: _script("ruby", "ruby/login.rb", "-e", "require 'oauth2'"),
    "rust": _rust,
    "nimbus": lambda: _java("login-basic"),
    "nimbus-form": lambda: _java("login-post"),
    "perl": lambda: _script(
        "perl", "perl/login.pl", "-MLWP::Authen::OAuth2", "-MLWP::Protocol::https", "-e", "1"
    ),
}

# Those of languages whose programs take a minute to build. Other libraries stand for them in `make test`.
COSTLY = frozenset({"nimbus", "nimbus-form", "rust"})

# Libraries for OpenID Connect, which find our keys by /.well-known/openid-configuration. Their programs print
# the `sub` of the verified ID token, and the `sub` of the UserInfo answer.
VERIFIERS: Mapping[str, Callable[[], list[str]]] = {
    "go-oidc": lambda: _go("id-token"),
    "nimbus": lambda: _java("id-token"),
}


def run(
    command: list[str], service: Service, client_id: str, secret: str, password: str
) -> dict[str, object]:
    """Run a program against a server, and return what it prints."""
    done = subprocess.run(
        [*command, service.url, client_id, secret, password],
        env=trusting(service),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed: dict[str, object] = json.loads(done.stdout)
    return printed


def trusting(service: Service, **variables: str) -> dict[str, str]:
    """Return the environment in which programs of every language trust a server's CA.

    Args:
        service: the server.
        variables: further variables.
    """
    ca = str(service.ca)
    store = (
        f"-Djavax.net.ssl.trustStore={_trust_store(service.ca)} -Djavax.net.ssl.trustStorePassword=changeit"
    )
    return {
        **os.environ,
        "CURL_CA_BUNDLE": ca,
        "SSL_CERT_FILE": ca,
        "NODE_EXTRA_CA_CERTS": ca,
        "REQUESTS_CA_BUNDLE": ca,
        "PERL_LWP_SSL_CA_FILE": ca,
        "JDK_JAVA_OPTIONS": store,
        **variables,
    }


@cache
def _trust_store(ca: Path) -> Path:
    """Return Java's form of a CA certificate, where there is a Java."""
    store = _output() / f"trust{abs(hash(ca))}.p12"
    read = ["-importcert", "-noprompt", "-alias", "netid", "-file", str(ca)]
    if shutil.which("keytool"):
        command = ["keytool", *read, "-keystore", str(store), "-storepass", "changeit"]
        subprocess.run(command, check=True, capture_output=True)
    return store
