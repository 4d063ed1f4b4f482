"""The walk-through: what `make run` prepares and prints, so that a newcomer has a token in a minute."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from cli.output import CommandRefused, shown, table
from cli.server.local_tls import LocalTls
from core.private_files import NotPrivate, read_secret
from directory.ldap import embedded_people
from models import ClientStore, Registration
from oauth.clients.registration import DEVICE_CODE
from settings import Settings
from telemetry import Actor

_BIND = "127.0.0.1:8443"
_DEMO_NAME = "demo"
_DEMO = Registration(
    client_name=_DEMO_NAME,
    grant_types=("password", "refresh_token"),
    scope="profile email echo",
    redirect_uris=("https://localhost/does-not-exist",),
)


def environment(settings: Settings, instance: Path) -> Mapping[str, str]:
    """The settings that the walk-through adds: HTTPS on localhost, with a certificate of its own.

    Args:
        settings: the operator's.
        instance: the instance folder.

    Raises:
        CommandRefused: the certificate cannot be stored.
    """
    given = settings.model_fields_set
    bind = settings.bind if "bind" in given else _BIND
    added = {"NETID_BIND": bind}
    if "issuer" not in given:
        added["NETID_ISSUER"] = f"https://localhost:{bind.rpartition(':')[2]}"
    if settings.tls_cert_file is None:
        local = LocalTls(instance / "tls")
        try:
            local.ensure()
        except OSError as error:
            raise CommandRefused(f"{local.folder} cannot be written: {error.strerror}.") from None
        added |= {"NETID_TLS_CERT_FILE": str(local.certificate), "NETID_TLS_KEY_FILE": str(local.key)}
    return added


def demo_client(clients: ClientStore, instance: Path, actor: Actor) -> tuple[str, str]:
    """The id and secret of the demo client: the earlier one, or a new one.

    Its secret is kept in a file beside the database, since it is printed at each start.

    Args:
        clients: where the client is registered.
        instance: the instance folder.
        actor: who registers it, for the audit.

    Raises:
        StoreUnavailable: the client cannot be registered.
        CommandRefused: its secret cannot be stored.
    """
    secret_file = instance / "demo-client.json"
    try:
        stored_client = json.loads(read_secret(secret_file))
        client_id, secret = str(stored_client["client_id"]), str(stored_client["client_secret"])
        client = clients.get(client_id)
        stored = [(each.key_id, each.digest) for each in client.secrets] if client else []
        if any(clients.hasher.matches([secret], stored)):
            return client_id, secret
    except (OSError, ValueError, KeyError, TypeError, NotPrivate):
        pass  # no usable client is stored: a new one serves as well
    created, new_secret = clients.create(_DEMO, actor=actor)
    secret = str(new_secret)
    try:
        secret_file.touch(mode=0o600)
        secret_file.chmod(0o600)
        secret_file.write_text(json.dumps({"client_id": created.client_id, "client_secret": secret}), "utf-8")
    except OSError as error:
        raise CommandRefused(f"{secret_file} cannot be written: {error.strerror}.") from None
    return created.client_id, secret


def guide(settings: Settings, instance: Path, client: tuple[str, str], program: tuple[str, str]) -> str:
    """The text that is printed: who can log in, the clients, and what to paste or open.

    Args:
        settings: those of the operator and of `environment`.
        instance: the instance folder.
        client: the demo client's id and secret.
        program: the URL and the client id of the demo program.
    """
    who, net_id, password = _users(settings)
    ca = local_authority(settings, instance)
    verify = _verification(ca)
    certificate = "the browser warns once of the certificate" if ca else "it asks for a Net ID"
    form = shown(f"grant_type=password&username={net_id}&password={password}")
    return f"""NetID OAuth is starting on {settings.issuer} (Ctrl-C ends it).

{who}
The client {_DEMO_NAME!r}:

  client_id      {client[0]}
  client_secret  {client[1]}

Exchange a Net ID and a password for an access token:

  curl {verify} -d "{form}" -u "{client[0]}:{client[1]}" "{settings.issuer}/token"

Use the token instead of ACCESS_TOKEN:

  curl -v {verify} -H "Authorization: Bearer ACCESS_TOKEN" "{settings.issuer}/api/me"

Sign in with a browser, and see the tokens that a program gets ({certificate}):

  {program[0]}

{_device_lines(settings.issuer, verify, program[1])}
(-k instead of {verify} works as well, but checks no certificate.)
{_missing_curl()}"""


def _device_lines(issuer: str, verify: str, client_id: str) -> str:
    """What to paste to sign in without a browser: a code, then its token (RFC 8628, 3.1 and 3.4)."""
    poll = f"grant_type={DEVICE_CODE}&client_id={client_id}&device_code=DEVICE_CODE"
    return f"""\
Sign in a terminal: this prints a code to enter in a browser.

  curl {verify} -d "client_id={client_id}" "{issuer}/oauth/device"

Then get the token, with the printed device_code instead of DEVICE_CODE:

  curl {verify} -d "{poll}" "{issuer}/oauth/token"
"""


def _verification(ca: Path | None) -> str:
    """The option by which curl checks the server's certificate."""
    if ca is None:
        return "-k"
    return shown(f"--cacert {ca.relative_to(Path.cwd()) if ca.is_relative_to(Path.cwd()) else ca}")


def _missing_curl() -> str:
    return "" if shutil.which("curl") else "\ncurl is not installed here: sudo apt install curl\n"


def _users(settings: Settings) -> tuple[str, str, str]:
    """Who can sign in, as text, with the Net ID and the password that the commands use."""
    if settings.ldap.embedded_path is None:
        return "The users are those of your directory.\n", "net_id", "password"
    people = embedded_people(settings.ldap.embedded_path)
    rows = [(each.net_id, each.password, each.name, each.what) for each in people]
    who = "The users of the embedded directory:\n\n" + table(("NET ID", "PASSWORD", "NAME", "WHO"), rows)
    return f"{who}\n", people[0].net_id, people[0].password


def local_authority(settings: Settings, instance: Path) -> Path | None:
    """The authority of the certificate that the walk-through made; None if the operator gave a certificate.

    Args:
        settings: those of the operator and of `environment`.
        instance: the instance folder.
    """
    local = LocalTls(instance / "tls")
    return local.ca if settings.tls_cert_file == local.certificate else None
