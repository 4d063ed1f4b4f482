"""The sources of settings, the environment and `config.toml`, and their precedence."""

from pathlib import Path

import pytest

from settings import Settings, instance_path, load_settings
from tests.loading import CANARY, keep_secret, load, mistakes


def test_without_settings_all_defaults_apply(tmp_path: Path) -> None:
    """A first trial needs no setting."""
    settings = load_settings(tmp_path / "missing", {})
    assert (settings.issuer, settings.workers, settings.ldap.start_tls) == ("https://localhost:8443", 2, True)
    assert settings.ldap.embedded_path == Path(__file__).resolve().parent.parent / "directory" / "campus.ldif"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A value of the environment hides the one in config.toml, and no other."""
    settings = load(tmp_path, {"NETID_WORKERS": "7"}, "workers = 3\nthreads = 9\n")
    assert (settings.workers, settings.threads) == (7, 9)


def test_a_file_of_the_environment_wins_over_a_value_of_the_configuration(tmp_path: Path) -> None:
    """A secret file in the environment, faulty or not, hides a secret in config.toml."""
    keep_secret(tmp_path / "key", CANARY)
    environ = {"NETID_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert load(tmp_path, environ, f'secret_key = "{CANARY[::-1]}"').secret_keys == (CANARY,)


def test_an_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    """An empty value, which a compose file passes for an unset variable, changes nothing."""
    environ = {"NETID_WORKERS": "", "NETID_LDAP_BIND_PASSWORD": "", "NETID_LDAP_BIND_PASSWORD_FILE": ""}
    settings = load(tmp_path, environ, 'workers = 3\nldap_bind_dn = ""\n')
    assert (settings.workers, settings.ldap.bind_dn, settings.ldap.bind_password) == (3, None, None)


def test_variables_without_the_prefix_are_ignored(tmp_path: Path) -> None:
    """A variable without our prefix is neither read nor refused."""
    assert load(tmp_path, {"WORKERS": "9", "netid_workers": "9", "MY_NETID_WORKERS": "9"}).workers == 2


def test_the_real_environment_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the given environment counts, not that of the process."""
    monkeypatch.setenv("NETID_WORKERS", "9")
    monkeypatch.setenv("WORKERS", "9")
    assert load_settings(tmp_path, {}).workers == 2
    assert Settings().workers == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, True) for word in ("on", "true", "yes", "1", "On", "TRUE")),
        *((word, False) for word in ("off", "false", "no", "0")),
    ],
)
def test_switch_accepts_several_words(tmp_path: Path, text: str, value: bool) -> None:  # noqa: FBT001
    """On and off may be written as people write them."""
    assert load(tmp_path, {"NETID_LDAP_START_TLS": text}).ldap.start_tls is value


@pytest.mark.parametrize("config", ['ldap_uri = "ldap://a ldap://b"', 'ldap_uri = ["ldap://a", "ldap://b"]'])
def test_list_is_a_text_with_spaces_or_an_array(tmp_path: Path, config: str) -> None:
    """Several servers stand in the order of preference."""
    config += '\nldap_user_base = "dc=example"\n'
    assert load(tmp_path, {}, config).ldap.uris == ("ldap://a", "ldap://b")


def test_instance_path_is_not_an_unknown_variable(tmp_path: Path) -> None:
    """The variable of the instance folder is accepted, though it is not a setting."""
    environ = {"NETID_INSTANCE_PATH": str(tmp_path)}
    assert load_settings(instance_path(environ, Path("/nowhere")), environ).workers == 2


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Path("/srv/netid/instance")),
        ({"NETID_INSTANCE_PATH": ""}, Path("/srv/netid/instance")),
        ({"NETID_INSTANCE_PATH": "/var/lib/netid"}, Path("/var/lib/netid")),
        ({"NETID_INSTANCE_PATH": "here"}, Path.cwd() / "here"),
    ],
)
def test_instance_path_is_the_default_or_from_the_environment(
    environ: dict[str, str], expected: Path
) -> None:
    """The instance folder is the default, or what the environment names, relative to the working folder."""
    assert instance_path(environ, Path("/srv/netid/instance")) == expected


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NETID_LDAP_BINDDN", "NETID_LDAP_BINDDN is not a setting; did you mean NETID_LDAP_BIND_DN?"),
        (
            "NETID_LDAP_BIND_PASSWORT_FILE",
            "NETID_LDAP_BIND_PASSWORT_FILE is not a setting; did you mean NETID_LDAP_BIND_PASSWORD_FILE?",
        ),
        ("NETID_INSTANCEPATH", "NETID_INSTANCEPATH is not a setting; did you mean NETID_INSTANCE_PATH?"),
        ("NETID_Workers", "NETID_Workers is not a setting; did you mean NETID_WORKERS?"),
        ("NETID_FLAVOUR", "NETID_FLAVOUR is not a setting."),
        ("NETID_", "NETID_ is not a setting."),
        ("NETID_WORKERS_FILE", "NETID_WORKERS_FILE is not a setting; did you mean NETID_WORKERS?"),
        ("NETID_X\n\x1b[31m", "'NETID_X\\n\\x1b[31m' is not a setting."),
    ],
)
@pytest.mark.parametrize("value", [CANARY, ""])
def test_an_unknown_variable_is_refused(tmp_path: Path, name: str, sentence: str, value: str) -> None:
    """A typing slip must not become an anonymous bind; the likely name is offered."""
    assert mistakes(tmp_path, {name: value}) == [sentence]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (
            "ldap_url",
            "NETID_LDAP_URL{} is not a setting; did you mean NETID_LDAP_URI, in that file ldap_uri?",
        ),
        ("WORKERS", "NETID_WORKERS{} is not a setting; did you mean NETID_WORKERS, in that file workers?"),
        (
            "NETID_WORKERS",
            "NETID_WORKERS{} is not a setting; did you mean NETID_WORKERS, in that file workers?",
        ),
        (
            "instance_path",
            "NETID_INSTANCE_PATH{} is not a setting of that file: it can only be given in the environment.",
        ),
        ("flavour", "NETID_FLAVOUR{} is not a setting."),
    ],
)
def test_an_unknown_key_of_the_configuration_is_refused(tmp_path: Path, key: str, sentence: str) -> None:
    """The same holds for config.toml, whose names are in lower case and without prefix."""
    assert mistakes(tmp_path, {}, f'{key} = "x"') == [sentence.format(f" (in {tmp_path / 'config.toml'})")]
