"""Contradictions between settings, and the report of all mistakes at once."""

from pathlib import Path

import pytest

from settings import load_settings
from tests.loading import CANARY, REAL, keep_secret, mistakes

# Stands for a file that its owner alone may read.
_KEY = "a private key"
_ANONYMOUS = "a service account with an empty password would be an anonymous bind"
_CERTIFICATE = "a certificate and its private key are of use only together"
_NO_KEY = "is missing, though NETID_LDAP_CLIENT_CERT_FILE is given"
_START_TLS = "NETID_LDAP_START_TLS must not be off while NETID_LDAP_URI names ldap:// at"
_CLEAR = "passwords would cross the network in clear text"
_NO_BASE = (
    "NETID_LDAP_USER_BASE is missing: a directory is searched from there on "
    "(unless NETID_LDAP_USER_DN_TEMPLATE is given)."
)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"LDAP_BIND_DN": "cn=svc"},
            f"NETID_LDAP_BIND_PASSWORD is missing, though NETID_LDAP_BIND_DN is given: {_ANONYMOUS}.",
        ),
        (
            {"LDAP_BIND_DN": "cn=svc", "LDAP_BIND_PASSWORD": ""},
            f"NETID_LDAP_BIND_PASSWORD is missing, though NETID_LDAP_BIND_DN is given: {_ANONYMOUS}.",
        ),
        (
            {"LDAP_BIND_PASSWORD": CANARY},
            f"NETID_LDAP_BIND_DN is missing, though NETID_LDAP_BIND_PASSWORD is given: {_ANONYMOUS}.",
        ),
        (
            {"TLS_CERT_FILE": __file__},
            f"NETID_TLS_KEY_FILE is missing, though NETID_TLS_CERT_FILE is given: {_CERTIFICATE}.",
        ),
        (
            {"TLS_KEY_FILE": _KEY},
            f"NETID_TLS_CERT_FILE is missing, though NETID_TLS_KEY_FILE is given: {_CERTIFICATE}.",
        ),
        (
            {"LDAP_CLIENT_CERT_FILE": __file__},
            f"NETID_LDAP_CLIENT_KEY_FILE {_NO_KEY}: {_CERTIFICATE}.",
        ),
        (
            {"LDAP_URI": "ldaps://a ldap://b.example ldap://127.0.0.1 ldap://c:389", "LDAP_START_TLS": "off"},
            f"{_START_TLS} b.example, c: {_CLEAR}.",
        ),
        (
            {"LDAP_USER_BASE": ""},
            _NO_BASE,
        ),
        (
            {"LDAP_GROUP_FILTER": "(member={dn})"},
            "NETID_LDAP_GROUP_BASE is missing: NETID_LDAP_GROUP_FILTER searches groups there.",
        ),
        (
            {"LDAP_GROUP_BASE": "ou=groups,dc=example"},
            "NETID_LDAP_GROUP_FILTER is missing: without it NETID_LDAP_GROUP_BASE says nothing.",
        ),
        (
            {"LDAP_CONNECT_TIMEOUT": "6"},
            "NETID_LDAP_CONNECT_TIMEOUT (6 s) must not be longer than NETID_LDAP_LOGIN_DEADLINE (5 s).",
        ),
        (
            {"LDAP_LOGIN_DEADLINE": "2.5"},
            "NETID_LDAP_READ_TIMEOUT (3 s) must not be longer than NETID_LDAP_LOGIN_DEADLINE (2.5 s).",
        ),
        (
            {"THREADS": "1"},
            (
                "NETID_THREADS must be at least 2 with a real directory: a login that waits for it would "
                "hold the only thread, and tokens could not be checked meanwhile."
            ),
        ),
    ],
)
def test_a_contradiction_is_one_sentence(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    """Settings that are fine alone and wrong together are named together."""
    key = str(keep_secret(tmp_path / "key.pem", ""))
    given = {f"NETID_{name}": key if value is _KEY else value for name, value in environ.items()}
    assert mistakes(tmp_path, {**REAL, **given}) == [sentence]


@pytest.mark.parametrize(
    "environ",
    [
        {"LDAP_URI": "ldap://localhost ldap://127.0.0.2:3389 ldap://[::1]", "LDAP_START_TLS": "off"},
        {"LDAP_URI": "ldaps://ldap.example.edu ldapi://%2Frun", "LDAP_START_TLS": "off"},
        {"LDAP_URI": "ldap://ldap.example.edu"},
        {"LDAP_USER_BASE": "", "LDAP_USER_DN_TEMPLATE": "uid={username},dc=example"},
        {"LDAP_URI": "embedded:directory/campus.ldif", "LDAP_USER_BASE": "", "LDAP_START_TLS": "off"},
        {"LDAP_BIND_DN": "cn=svc", "LDAP_BIND_PASSWORD": "word"},
        {"LDAP_GROUP_BASE": "dc=example", "LDAP_GROUP_FILTER": "(member={dn})"},
        {"LDAP_GROUP_BASE": "dc=example", "LDAP_PROFILE": "active-directory"},
        {"TLS_CERT_FILE": __file__, "TLS_KEY_FILE": _KEY},
        {"LDAP_CONNECT_TIMEOUT": "5", "LDAP_READ_TIMEOUT": "5"},
        {"LDAP_URI": "embedded:directory/campus.ldif", "LDAP_USER_BASE": "", "THREADS": "1"},
    ],
)
def test_settings_that_only_seem_contradictory_are_accepted(tmp_path: Path, environ: dict[str, str]) -> None:
    """The rules between settings refuse only contradictions."""
    key = str(keep_secret(tmp_path / "key.pem", ""))
    given = {f"NETID_{name}": key if value is _KEY else value for name, value in environ.items()}
    assert load_settings(tmp_path, {**REAL, **given}).issuer


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """One start reports every mistake: unknown names, files, values and contradictions."""
    environ = {
        "NETID_LDAP_URI": "ldap://ldap.example.edu",
        "NETID_LDAP_START_TLS": "off",
        "NETID_LDAP_BIND_DN": "cn=svc",
        "NETID_LDAP_BIND_PASSWORD_FILE": str(tmp_path / "missing"),
        "NETID_WORKER": "2",
        "NETID_TLS_CERT_FILE": __file__,
    }
    config = tmp_path / "config.toml"
    assert mistakes(tmp_path, environ, 'threads = 0\nflavour = "x"\n') == [
        f"NETID_LDAP_BIND_PASSWORD_FILE names a file that does not exist: {tmp_path / 'missing'}.",
        "NETID_WORKER is not a setting; did you mean NETID_WORKERS?",
        f"NETID_FLAVOUR (in {config}) is not a setting.",
        f"NETID_THREADS (in {config}) must be at least 1.",
        f"NETID_TLS_KEY_FILE is missing, though NETID_TLS_CERT_FILE is given: {_CERTIFICATE}.",
        f"{_START_TLS} ldap.example.edu: {_CLEAR}.",
        _NO_BASE,
    ]


def test_a_broken_value_causes_no_second_mistake(tmp_path: Path) -> None:
    """A contradiction with a value that is itself wrong is not reported as well."""
    environ = {**REAL, "NETID_LDAP_LOGIN_DEADLINE": "-1", "NETID_LDAP_CONNECT_TIMEOUT": "9"}
    assert mistakes(tmp_path, environ) == ["NETID_LDAP_LOGIN_DEADLINE must be more than 0."]
