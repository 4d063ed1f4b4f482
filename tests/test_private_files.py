"""Which modes and owners of a file with a secret are accepted, for every setting."""

import os
import stat
from pathlib import Path

import pytest

from core.private_files import SIZE_LIMIT, NotPrivate, read_secret, refuse_careless
from directory.contract import DirectoryUnavailable
from directory.ldap import LdapConfig
from directory.ldap.connections.service_account import ServiceAccount
from directory.ldap.diagnostics.directory_check import current_bind_password
from settings import load_settings
from settings.keyring import KeyringError, load_or_create, make_instance_folder
from tests.loading import CANARY, keep_secret, mistakes

ROOT, US, OTHER = 0, 1000, 1001


def state(mode: int, owner: int) -> os.stat_result:
    """The stat result of a plain file with this mode and owner."""
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 2000, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "owner", "user"),
    [
        (0o600, US, US),
        (0o400, US, US),
        (0o700, US, US),
        (0o600, ROOT, ROOT),
        (0o640, ROOT, US),  # root:netid
        (0o440, ROOT, US),  # Kubernetes: defaultMode 0440 with fsGroup
        (0o440, ROOT, ROOT),
        (0o600, US, ROOT),  # an operator's command
    ],
)
def test_private_secret_is_accepted(mode: int, owner: int, user: int) -> None:
    """The server's own user or root owns it; a group may read what belongs to root."""
    refuse_careless(Path("/run/secrets/x"), state(mode, owner), user=user)


@pytest.mark.parametrize(
    ("mode", "owner", "user", "sentence"),
    [
        (0o644, US, US, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o640, US, US, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o620, US, US, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o602, US, US, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o666, US, US, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o644, ROOT, ROOT, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (0o644, ROOT, US, "is open to other users of this machine: chmod 640 /run/secrets/x"),
        (0o660, ROOT, US, "is open to other users of this machine: chmod 640 /run/secrets/x"),
        (0o444, ROOT, US, "is open to other users of this machine: chmod 640 /run/secrets/x"),
        (0o640, US, ROOT, "is open to other users of this machine: chmod 600 /run/secrets/x"),
        (
            0o640,
            OTHER,
            US,
            "belongs to another user: chown it to the server's own, or to root: /run/secrets/x",
        ),
        (
            0o600,
            OTHER,
            US,
            "belongs to another user: chown it to the server's own, or to root: /run/secrets/x",
        ),
    ],
)
def test_secret_open_to_others_is_refused(mode: int, owner: int, user: int, sentence: str) -> None:
    """A file that others can read or change is refused, with the remedy."""
    with pytest.raises(NotPrivate) as refused:
        refuse_careless(Path("/run/secrets/x"), state(mode, owner), user=user)
    assert str(refused.value) == sentence


OPEN = {
    "NETID_SECRET_KEY_FILE": "",
    "NETID_LDAP_BIND_PASSWORD_FILE": "",
    "NETID_DATABASE_URL_FILE": "",
    "NETID_TLS_KEY_FILE": "",
    "NETID_LDAP_CLIENT_KEY_FILE": "",
}


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o644, 0o666])
@pytest.mark.parametrize("name", OPEN)
def test_every_setting_refuses_an_open_file(tmp_path: Path, name: str, mode: int) -> None:
    """One sentence names the setting, the file and the remedy, and none shows what is in it."""
    file = keep_secret(tmp_path / "secret", CANARY)
    file.chmod(mode)
    found = mistakes(tmp_path, {name: str(file)})
    assert f"{name} names a file that is open to other users of this machine: chmod 600 {file}." in found
    assert CANARY not in str(found)


@pytest.mark.parametrize("name", OPEN)
def test_every_setting_bounds_its_file(tmp_path: Path, name: str) -> None:
    """A file that is far too large was named by mistake, and is not read to its end."""
    file = keep_secret(tmp_path / "secret", "k" * (SIZE_LIMIT + 1))
    assert f"{name} names a file that is far too large." in mistakes(tmp_path, {name: str(file)})


def test_link_is_checked_by_its_target(tmp_path: Path) -> None:
    """Kubernetes mounts each secret as a link to a file: that file counts, and not the link's own mode."""
    real = keep_secret(tmp_path / "..data", CANARY)
    link = tmp_path / "key"
    link.symlink_to(real)
    assert load_settings(tmp_path, {"NETID_SECRET_KEY_FILE": str(link)}).secret_keys == (CANARY,)
    real.chmod(0o644)
    assert mistakes(tmp_path, {"NETID_SECRET_KEY_FILE": str(link)})


@pytest.mark.parametrize("secret", ["secret_key", "database_url", "ldap_bind_password"])
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_configuration_with_a_secret_is_private(tmp_path: Path, secret: str, mode: int) -> None:
    """A config.toml with a secret in it keeps the rules of every secret's file."""
    config = keep_secret(tmp_path / "config.toml", f'{secret} = "{CANARY}"\n')
    config.chmod(mode)
    (sentence,) = mistakes(tmp_path, {})
    assert sentence.startswith(f"{config} ")
    assert sentence.endswith((f": chmod 600 {config}.", f": chmod o-w {config}."))
    assert CANARY not in sentence


def test_configuration_without_a_secret_may_be_read(tmp_path: Path) -> None:
    """Other users may read a config.toml without a secret (an empty value is none), but not change it."""
    config = keep_secret(tmp_path / "config.toml", 'workers = 3\nsecret_key = ""\n')
    config.chmod(0o664)
    assert load_settings(tmp_path, {}).workers == 3
    config.chmod(0o646)
    assert mistakes(tmp_path, {}) == [
        f"{config} can be changed by every user of this machine: chmod o-w {config}."
    ]


def test_weak_key_is_refused_from_each_source(tmp_path: Path) -> None:
    """A guessable key in the environment, a file, config.toml or the instance folder stops the start."""
    fault = "holds a key that repeats itself: make one with openssl rand -hex 32"
    environ = {"NETID_SECRET_KEY": "x" * 32}
    assert mistakes(tmp_path, environ) == [f"NETID_SECRET_KEY {fault}."]
    file = keep_secret(tmp_path / "key", "x" * 32)
    assert mistakes(tmp_path, {"NETID_SECRET_KEY_FILE": str(file)}) == [
        f"NETID_SECRET_KEY (from the file {file}) {fault}."
    ]
    # A guessable key behind a good one would verify tokens that are forged with it.
    assert mistakes(tmp_path, {"NETID_SECRET_KEY": f"{CANARY} {'x' * 32}"}) == [f"NETID_SECRET_KEY {fault}."]
    (tmp_path / "instance").mkdir()
    kept = keep_secret(tmp_path / "instance" / "secret.key", "x" * 32)
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path / "instance", None, may_create=lambda: True)
    assert str(refused.value) == f"The server key file {kept} {fault}"
    config = f'secret_key = "{"x" * 32}"'
    assert mistakes(tmp_path, {}, config) == [f"NETID_SECRET_KEY (in {tmp_path / 'config.toml'}) {fault}."]


def test_password_file_that_others_may_change_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the file is open to others, the server keeps the last password, and logs why."""
    file = keep_secret(tmp_path / "password", "first")
    account = ServiceAccount("cn=svc", "first", password_file=file, monotonic=lambda: 0.0)
    assert account.read_password() == "first"
    file.write_text("of somebody else", encoding="ascii")
    file.chmod(0o666)
    assert account.read_password() == "first"
    assert f"is open to other users of this machine: chmod 600 {file}" in caplog.text
    assert "somebody" not in caplog.text
    file.chmod(0o600)
    assert account.read_password() == "of somebody else"


def test_directory_check_names_the_open_password_file(tmp_path: Path) -> None:
    """`flask directory check` says what is wrong with the file, also if it is missing."""
    file = keep_secret(tmp_path / "password", "word\n")
    config = LdapConfig(
        uris=("ldaps://x",), user_base="dc=x", bind_dn="cn=s", bind_password="w", bind_password_file=file
    )
    assert current_bind_password(config) == b"word"
    file.chmod(0o644)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_PASSWORD_FILE is open to other users"):
        current_bind_password(config)
    file.unlink()
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_PASSWORD_FILE cannot be read: No such"):
        current_bind_password(config)


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_instance_folder_that_every_user_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """In such a folder another user could replace our key."""
    instance = tmp_path / "instance"
    instance.mkdir()
    instance.chmod(mode)
    with pytest.raises(KeyringError) as refused:
        make_instance_folder(instance)
    assert str(refused.value) == (
        f"NETID_INSTANCE_PATH is in a folder that every user may write to: chmod o-w {instance}."
    )
    instance.chmod(0o755)
    make_instance_folder(instance)


def test_pipe_does_not_block_the_start(tmp_path: Path) -> None:
    """A path that is no plain file is refused at once."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(NotPrivate, match="is not a plain file"):
        read_secret(tmp_path / "pipe")
