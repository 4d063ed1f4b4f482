"""Settings in files: secrets, certificates, and a `config.toml` that cannot be used."""

import os
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from settings import SECRETS, Settings, load_settings
from tests.loading import CANARY, keep_secret, load, mistakes, value_of


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        ("pass word", "pass word"),
        ("word\n", "word"),
        ("word\r\n", "word"),
        ("word\n\n", "word\n"),
        ("ü ", "ü "),
    ],
)
def test_one_newline_at_the_end_of_a_secret_file_is_dropped(
    tmp_path: Path, content: str, secret: str
) -> None:
    """A final line end is not part of a password; every other character is."""
    file = keep_secret(tmp_path / "password", "")
    file.write_bytes(content.encode())
    environ = {"NETID_LDAP_BIND_PASSWORD_FILE": str(file), "NETID_LDAP_BIND_DN": "cn=svc"}
    password = load_settings(tmp_path, environ).ldap.bind_password
    assert password is not None
    assert password.get_secret_value() == secret


def test_path_of_the_bind_password_is_kept(tmp_path: Path) -> None:
    """The path of the file is kept, so that a change is noticed. Without a file there is no path."""
    keep_secret(tmp_path / "password", "word")
    account = 'ldap_bind_dn = "cn=svc"\n'
    settings = load(tmp_path, {}, account + 'ldap_bind_password_file = "password"\n')
    assert settings.ldap_bind_password_file == tmp_path / "password"
    settings = load(tmp_path, {}, account + 'ldap_bind_password = "word"\n')
    assert settings.ldap_bind_password_file is None


def test_a_relative_path_in_the_configuration_starts_at_the_instance_folder(tmp_path: Path) -> None:
    """The instance folder can be moved as a whole."""
    keep_secret(tmp_path / "password", "word")
    (tmp_path / "ca.pem").touch()
    config = 'ldap_bind_dn = "cn=svc"\nldap_bind_password_file = "password"\nldap_ca_file = "ca.pem"\n'
    settings = load(tmp_path, {}, config)
    assert settings.ldap.bind_password == SecretStr("word")
    assert settings.ldap.ca_file == tmp_path / "ca.pem"


def test_file_of_authorities_holds_a_certificate(tmp_path: Path) -> None:
    """A file for outgoing requests without a certificate is refused at the start, not at the first logout."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert load(tmp_path, {"NETID_OUTGOING_CA_FILE": str(tmp_path / "ca.pem")}).outgoing_ca_file is not None
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    refused = mistakes(tmp_path, {"NETID_OUTGOING_CA_FILE": str(empty)})
    assert refused == [f"NETID_OUTGOING_CA_FILE holds no certificate in PEM: {empty}."]


def test_a_relative_path_in_the_environment_starts_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is made absolute at once, so that a later change of folder does not matter."""
    (tmp_path / "ca.pem").touch()
    monkeypatch.chdir(tmp_path)
    assert load_settings(tmp_path, {"NETID_LDAP_CA_FILE": "ca.pem"}).ldap.ca_file == tmp_path / "ca.pem"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path, secret: str) -> None:
    """The value and its file are both refused, because it is unclear which one counts."""
    name = f"NETID_{secret.upper()}"
    environ = {name: CANARY, f"{name}_FILE": str(tmp_path)}
    assert mistakes(tmp_path, environ) == [f"{name} and {name}_FILE are both given; give one of them."]
    config = tmp_path / "config.toml"
    assert mistakes(tmp_path, {}, f'{secret} = "x"\n{secret}_file = "y"\n') == [
        f"{name} (in {config}) and {name}_FILE are both given; give one of them."
    ]


def test_every_secret_may_come_from_a_file() -> None:
    """No field is a secret that cannot be kept out of the environment."""
    values = {"ldap_bind_dn": "cn=svc", **dict.fromkeys(SECRETS, f"sqlite:///{CANARY}")}
    settings = Settings.model_validate(values)
    hidden = [
        each.name for each in Settings.described() if isinstance(value_of(settings, each.name), SecretStr)
    ]
    assert hidden == list(SECRETS) == ["ldap_bind_password", "secret_key", "database_url"]


def _spoiled(folder: Path) -> dict[str, str]:
    """Make files that cannot be used, and say what is wrong with each."""
    keep_secret(folder / "empty", "")
    keep_secret(folder / "newline", "\n")
    keep_secret(folder / "binary", "").write_bytes(b"\xff\xfe")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    return {
        "missing": "names a file that does not exist",
        "empty": "names an empty file",
        "newline": "names an empty file",
        "binary": "names a file that is not UTF-8 text",
        "folder": "names what is not a plain file",
        "pipe": "names what is not a plain file",
    }


@pytest.mark.parametrize("name", ["missing", "empty", "newline", "binary", "folder", "pipe"])
def test_unusable_secret_file_is_named(tmp_path: Path, name: str) -> None:
    """The sentence names the setting, the fault and the file."""
    path = tmp_path / name
    fault = _spoiled(tmp_path)[name]
    assert mistakes(tmp_path, {"NETID_DATABASE_URL_FILE": str(path)}) == [
        f"NETID_DATABASE_URL_FILE {fault}: {path}."
    ]


@pytest.mark.parametrize("name", ["missing", "folder", "pipe"])
@pytest.mark.parametrize("setting", ["TLS_CERT_FILE", "TLS_KEY_FILE", "LDAP_CA_FILE", "LDAP_CLIENT_KEY_FILE"])
def test_a_certificate_or_key_file_that_cannot_be_read_is_named(
    tmp_path: Path, setting: str, name: str
) -> None:
    """A missing CA file stops the start; it never means the system's store."""
    path = tmp_path / name
    fault = _spoiled(tmp_path)[name]
    assert f"NETID_{setting} {fault}: {path}." in mistakes(tmp_path, {f"NETID_{setting}": str(path)})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    """The sentence says that the file exists and cannot be read."""
    path = tmp_path / "ca.pem"
    path.touch(mode=0o000)
    assert mistakes(tmp_path, {"NETID_LDAP_CA_FILE": str(path)}) == [
        f"NETID_LDAP_CA_FILE names a file that cannot be read (Permission denied): {path}."
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'issuer = "https://a"\nworkers = \n', "line 2, is not TOML: Invalid value"),
        (b"workers = 2\nworkers = 3\n", "line 2, is not TOML: Cannot overwrite a value"),
        (b'issuer = """\n\n', "line 3, is not TOML: Unterminated string"),
        (b"# fine\n# \xff\n", "line 2, is not UTF-8 text"),
        (b"workers = " + b"9" * 5000, "line 1, is not TOML: Exceeds the limit"),
    ],
)
def test_a_broken_configuration_is_one_sentence_with_its_line(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    """A mistake in config.toml is reported with its line, without a traceback. The rest is not used."""
    config = tmp_path / "config.toml"
    config.write_bytes(content)
    (mistake,) = mistakes(
        tmp_path, {"NETID_LDAP_BIND_DN": "cn=svc", "NETID_LDAP_URI": "ldaps://ldap.example"}
    )
    assert mistake.startswith(f"{config}, {fault}")


def test_a_configuration_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A folder in the place of config.toml is named."""
    config = tmp_path / "config.toml"
    config.mkdir()
    assert mistakes(tmp_path, {}) == [f"{config} is not a plain file."]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("workers = true", "must be a number"),
        ("workers = 2.5", "must be a whole number"),
        ("workers = [2]", "must be a whole number"),
        ("ldap_bind_password = 12345", "must be text, in quotes"),
        ("ldap_read_timeout = inf", "must be a finite number"),
        ("[issuer]\nhost = 1", "must be text, in quotes"),
        ("ldap_uri = [1]", "must be text, in quotes"),
        ("ldap_uri = []", "must name at least one server"),
        ("ldap_ca_file = 1", "must be text, in quotes"),
        ('sqlite_synchronous = "OFF"', "must be 'FULL' or 'NORMAL'"),
    ],
)
def test_a_mistake_in_the_configuration_names_the_file(tmp_path: Path, config: str, sentence: str) -> None:
    """An operator who set a value in two places learns which one is wrong."""
    setting = f"NETID_{config.strip('[').split()[0].strip(']').upper()}"
    assert mistakes(tmp_path, {}, config) == [f"{setting} (in {tmp_path / 'config.toml'}) {sentence}."]
