"""The configuration of docs/apis.md in a real Dovecot: IMAP logins by password and by token."""

import imaplib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import MAIL, MAIL_PROGRAM, PLAIN_SECRET, Service
from tests.clients.test_gateways import BLOCKS, BUNDLE, EXAMPLE
from tests.servers.netid import await_port, free_port

pytestmark = pytest.mark.server

PATH = f"{os.environ['PATH']}:/usr/sbin"
PLAIN_FILE, TOKEN_FILE = "dovecot-oauth2.plain.conf.ext", "dovecot-oauth2.token.conf.ext"


def require_dovecot() -> None:
    """Skip the test if Dovecot cannot run; in CI, fail it."""
    if not shutil.which("dovecot", path=PATH) or not Path("/usr/lib/dovecot/imap").exists():
        if os.environ.get("CI"):
            pytest.fail("dovecot is not installed")
        pytest.skip("dovecot is not installed")
    if os.geteuid() != 0:
        pytest.skip("dovecot needs to start as root")


def configure(folder: Path, service: Service, port: int) -> Path:
    """Write a configuration from the document's blocks, with the values of the running server."""
    plain = (
        BLOCKS["ini"]
        .replace(EXAMPLE, service.url)
        .replace(BUNDLE, str(folder / "ca.pem"))
        .replace("= client_id\n", f"= {MAIL}\n")
        .replace("= client_secret\n", f"= {PLAIN_SECRET}\n")
    )
    (folder / PLAIN_FILE).write_text(plain, "utf-8")
    _, _, rest = plain.partition("\n")
    token = rest.replace("use_grant_password = yes", "use_grant_password = no")
    (folder / TOKEN_FILE).write_text(token, "utf-8")
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
userdb {{
  driver = static
  args = uid=www-data gid=www-data home={folder}/mail/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{BLOCKS["conf"].replace("/etc/dovecot", str(folder))}
""",
        "utf-8",
    )
    return configuration


@pytest.fixture
def imap(service: Service) -> Iterator[int]:
    """The port of a Dovecot that uses the running server."""
    require_dovecot()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "www-data")
        shutil.copy(service.ca, folder / "ca.pem")
        (folder / "ca.pem").chmod(0o644)
        port = free_port()
        program = str(shutil.which("dovecot", path=PATH))
        output = folder / "output.log"
        with output.open("w") as stream:
            command = [program, "-F", "-c", str(configure(folder, service, port))]
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, text=True)
            try:
                await_port(process, port, output)
                yield port
            finally:
                process.terminate()
                process.wait(30)


def mail_token(service: Service, scope: str = "mail") -> str:
    """Return a token for alice that another client requested."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password", "scope": scope}
    return str(service.post("token", MAIL_PROGRAM, **form)["access_token"])


def is_accepted(
    port: int, user: str, *, password: str | None = None, token: str = "", mechanism: str = ""
) -> bool:
    """Try an IMAP login (RFC 9051, 6.2; RFC 7628, 3.1). Return whether it is accepted."""
    mailbox = imaplib.IMAP4("127.0.0.1", port, timeout=20)
    sent = {
        "XOAUTH2": f"user={user}\1auth=Bearer {token}\1\1",
        "OAUTHBEARER": f"n,a={user},\1host=localhost\1port={port}\1auth=Bearer {token}\1\1",
    }
    try:
        if password is not None:
            mailbox.login(user, password)
        else:
            mailbox.authenticate(
                mechanism, lambda challenge: b"\1" if challenge else sent[mechanism].encode()
            )
    except imaplib.IMAP4.error:
        return False
    finally:
        mailbox.shutdown()
    return True


def test_dovecot_checks_passwords_by_the_password_grant(imap: int) -> None:
    """The right password opens the mailbox. A wrong or empty password, or an unknown name, does not."""
    assert is_accepted(imap, "alice", password="alice-password")
    for user, password in (("alice", "wrong"), ("nobody", "alice-password"), ("alice", "")):
        assert not is_accepted(imap, user, password=password)


def test_dovecot_encodes_passwords_with_form_characters(imap: int) -> None:
    """A wrong password with the separators of a form is refused like any other."""
    assert not is_accepted(imap, "alice", password="x&grant_type=client_credentials")


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_dovecot_checks_tokens_by_introspection(imap: int, service: Service, mechanism: str) -> None:
    """A live token with the mail scope opens its user's mailbox only, and none after its revocation."""
    token = mail_token(service)
    assert is_accepted(imap, "alice", token=token, mechanism=mechanism)
    assert not is_accepted(imap, "bob", token=token, mechanism=mechanism)
    service.post("revoke", MAIL_PROGRAM, token=token)
    assert not is_accepted(imap, "alice", token=token, mechanism=mechanism)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_dovecot_refuses_tokens_without_the_mail_scope(imap: int, service: Service, mechanism: str) -> None:
    """A token without the mail scope, or an invented token, opens no mailbox."""
    for token in (mail_token(service, "profile"), "nida_made-up"):
        assert not is_accepted(imap, "alice", token=token, mechanism=mechanism)
