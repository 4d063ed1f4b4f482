"""The files of docs/recipes/dovecot.md in a real Dovecot: IMAP logins by password and by token."""

import imaplib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.conftest import MAIL, MAIL_PROGRAM, PLAIN_SECRET, Service
from tests.clients.recipes import Recipe, missing, program, running
from tests.servers.netid import free_port
from tests.servers.silent_proxy import SilentProxy

pytestmark = pytest.mark.server


def require_dovecot() -> None:
    """Skip the test if Dovecot cannot run; in CI, fail it if it is not installed."""
    program("dovecot")
    if not Path("/usr/lib/dovecot/imap").exists():
        missing("dovecot-imapd")
    if os.geteuid() != 0:
        pytest.skip("dovecot needs to start as root")


def configure(folder: Path, service: Service, port: int) -> Path:
    """Write a configuration from the page's files, for the running server."""
    values = {"API_CLIENT_ID": MAIL, "API_CLIENT_SECRET": PLAIN_SECRET}
    files = Recipe("dovecot").write(folder, Service(service.url, folder / "ca.pem"), values)
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
!include {files["/etc/dovecot/conf.d/auth-netid.conf.ext"]}
""",
        "utf-8",
    )
    return configuration


@contextmanager
def dovecot(service: Service) -> Iterator[int]:
    """Run a Dovecot that uses a server during the block, and give its port."""
    require_dovecot()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "www-data")
        shutil.copy(service.ca, folder / "ca.pem")
        (folder / "ca.pem").chmod(0o644)
        port = free_port()
        with running([program("dovecot"), "-F", "-c", str(configure(folder, service, port))], port, folder):
            yield port


@pytest.fixture(scope="module")
def imap(shared: Service) -> Iterator[int]:
    """The port of a Dovecot that uses the running server."""
    with dovecot(shared) as port:
        yield port


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


@pytest.mark.parametrize("mechanism", ["PLAIN", "XOAUTH2"])
def test_dovecot_answers_in_seconds_while_the_server_hangs(service: Service, mechanism: str) -> None:
    """A server that hangs is a temporary failure (RFC 5530, 3), and is reported after the timeout."""
    sent = {
        "PLAIN": "\0alice\0alice-password",
        "XOAUTH2": f"user=alice\1auth=Bearer {mail_token(service)}\1\1",
    }
    with SilentProxy(int(service.url.rpartition(":")[2])) as proxy:
        proxy.is_silent = True
        with dovecot(Service(f"https://localhost:{proxy.port}", service.ca)) as port:
            mailbox = imaplib.IMAP4("127.0.0.1", port, timeout=20)
            begun = time.monotonic()
            try:
                with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
                    mailbox.authenticate(mechanism, lambda _: sent[mechanism].encode())
            finally:
                mailbox.shutdown()
            assert time.monotonic() - begun < 10
