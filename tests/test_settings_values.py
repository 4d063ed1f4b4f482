"""The accepted values of each setting, and the sentence that refuses others."""

import os
from pathlib import Path

import pytest

from settings import load_settings
from tests.loading import CANARY, REAL, mistakes, value_of

ROOT = Path(__file__).resolve().parent.parent

_HOST_PORT = "must be host:port, such as 127.0.0.1:8080 or [::1]:8080, port 1 to 65535"
_URL_PARTS = "must hold no user name, password, space, ? or #, and letters of ASCII alone"
_URL_HOST = "must name a host that can exist, and if a port, one from 1 to 65535"
_URL_PATH = "must end in its host, or in a plain path without a slash at its end"
_SERVERS = "must be ldap://, ldaps:// or ldapi:// addresses, or embedded: and a path"
_SOCKET = "must name a socket after ldapi://, such as ldapi://%2Frun%2Fslapd%2Fldapi"
_MIXED = "must be one embedded: directory alone, or servers with spaces between"
_FILTER = "must be one filter with balanced parentheses, such as (uid={username})"
_PLACE = "must hold {username} where the login name belongs, and no other braces"
_GROUP = "must hold {dn} or {username}, whose groups are searched, and no other braces"
_REALMS = "must be names such as example.edu or EXAMPLE, without @ and without a backslash"
_ATTRIBUTE = "must be the name of one attribute, such as entryUUID"
_RING = "must be keys of 32 characters or more, spaces between"
_DATABASE = "must begin with sqlite:///, postgresql:// or postgresql+psycopg://"
_SWITCH = "must be on or off (true or false, yes or no, 1 or 0)"

_PAGE = "must be the URL of a page, such as https://www.example.edu/oauth"
_CONTACT = "must be an email address or the URL of a page"
_MEMBERS = "must be rules group:DN or affiliation:NAME, semicolons between"

REFUSALS = [
    ("DOCS_URI", "www.example.edu/oauth", _PAGE),
    ("DOCS_URI", "javascript:alert(1)", _PAGE),
    ("DOCS_URI", "https://", _PAGE),
    ("DOCS_URI", "https://docs.example.edu:0/", _PAGE),
    ("POLICY_URI", f"https://me:{CANARY}@example.edu/", _PAGE),
    ("POLICY_URI", 'https://example.edu/"onclick=x', _PAGE),
    ("TERMS_URI", "https://example.edu/a b", _PAGE),
    ("TERMS_URI", "ftp://example.edu/", _PAGE),
    ("CONTACT", "the identity team", _CONTACT),
    ("CONTACT", "identity@", _CONTACT),
    ("CONTACT", "a@example.edu?bcc=b@example.edu", _CONTACT),
    ("CONTACT", "javascript:alert(1)", _CONTACT),
    ("ALLOW_PLAIN_HTTP", "maybe", _SWITCH),
    ("ALLOW_EMBEDDED_DIRECTORY", "2", _SWITCH),
    ("REFUSE_MEMBERS", "staff", _MEMBERS),
    ("REFUSE_MEMBERS", "group:cn=a,dc=x affiliation:staff; role:x", _MEMBERS),
    ("ALLOW_MEMBERS", " ; ", _MEMBERS),
    ("ALLOW_MEMBERS", "group:", _MEMBERS),
    ("ISSUER", "login.example.edu", "must be an absolute URL, such as https://login.example.edu"),
    ("ISSUER", "/oauth", "must be an absolute URL, such as https://login.example.edu"),
    ("ISSUER", "ftp://login.example.edu", "must be an absolute URL, such as https://login.example.edu"),
    ("ISSUER", "https:login.example.edu", "must be an absolute URL, such as https://login.example.edu"),
    *(
        (
            "ISSUER",
            f"http://{host}",
            f"must begin with https:// (http:// is for this machine alone, not {shown})",
        )
        for host, shown in [
            ("login.example.edu", "login.example.edu"),
            ("localhost.example.edu", "localhost.example.edu"),
            ("128.0.0.1", "128.0.0.1"),
            ("[::2]:8080", "::2"),
            ("0.0.0.0:80", "0.0.0.0"),  # noqa: S104 - refused here
        ]
    ),
    ("ISSUER", "https://login.example.edu?", _URL_PARTS),
    ("ISSUER", "https://login.example.edu/?a=b", _URL_PARTS),
    ("ISSUER", "https://login.example.edu#", _URL_PARTS),
    ("ISSUER", f"https://me:{CANARY}@login.example.edu", _URL_PARTS),
    ("ISSUER", "http://localhost@evil.example", _URL_PARTS),
    ("ISSUER", "https://login.example.edu/a b", _URL_PARTS),
    ("ISSUER", "https://login\\.example.edu", _URL_PARTS),
    ("ISSUER", "https://löwe.example.edu", _URL_PARTS),
    ("ISSUER", "https://", _URL_HOST),
    ("ISSUER", "https:///path", _URL_HOST),
    ("ISSUER", "https://login.example.edu:", _URL_HOST),
    ("ISSUER", "https://login.example.edu:0", _URL_HOST),
    ("ISSUER", "https://login.example.edu:65536", _URL_HOST),
    ("ISSUER", "https://[::1", _URL_HOST),
    ("ISSUER", "https://1.2.3", _URL_HOST),
    ("ISSUER", "https://login.example.edu/oauth/", _URL_PATH),
    ("ISSUER", "https://login.example.edu//", _URL_PATH),
    ("ISSUER", "https://login.example.edu/a/../b", _URL_PATH),
    *(
        ("BIND", address, _HOST_PORT)
        for address in [
            *("8080", ":8080", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:http"),
            *(
                "::1:8080",
                "[::1]",
                "[::1:8080",
                "[localhost]:80",
                "a b:80",
                "1.2.3:80",
                "-:80",
                "https://a:80",
            ),
        ]
    ),
    ("WORKERS", "0", "must be at least 1"),
    ("WORKERS", "-1", "must be at least 1"),
    ("WORKERS", "1025", "must be at most 1024"),
    ("WORKERS", "two", "must be a whole number"),
    ("WORKERS", " ", "must be a whole number"),
    ("WORKERS", "1.5", "must be a whole number"),
    ("WORKERS", "9" * 5000, "must be a whole number that is far smaller"),
    ("THREADS", "0", "must be at least 1"),
    ("LDAP_POOL_SIZE", "0", "must be at least 1"),
    ("LDAP_CONNECT_TIMEOUT", "0", "must be more than 0"),
    ("LDAP_READ_TIMEOUT", "-1", "must be more than 0"),
    ("LDAP_LOGIN_DEADLINE", "nan", "must be a finite number"),
    ("LDAP_LOGIN_DEADLINE", "5s", "must be a number"),
    ("LDAP_LOGIN_DEADLINE", "3601", "must be at most 3600"),
    ("LDAP_CONNECTION_LIFETIME", "0", "must be at least 1"),
    ("ACCESS_TOKEN_TTL", "0", "must be at least 1"),
    ("REFRESH_TOKEN_TTL", "1h", "must be a whole number"),
    ("REFRESH_IDLE_TTL", "-5", "must be at least 1"),
    ("GRANT_TTL", "315360001", "must be at most 315360000"),
    (
        "DEFAULT_SCOPE",
        "profile,e\\mail",
        "must be names of printable ASCII without quotes or backslashes, spaces between",
    ),
    ("TRUSTED_PROXIES", "-1", "must be at least 0"),
    ("TRUSTED_PROXIES", "17", "must be at most 16"),
    ("LDAP_START_TLS", "maybe", _SWITCH),
    ("LDAP_START_TLS", "2", _SWITCH),
    ("SQLITE_SYNCHRONOUS", "full", "must be 'FULL' or 'NORMAL'"),
    ("LDAP_URI", " ", "must name at least one server"),
    ("LDAP_URI", "ldap.example.edu", _SERVERS),
    ("LDAP_URI", "https://ldap.example.edu", _SERVERS),
    ("LDAP_URI", "ldap:ldap.example.edu", _SERVERS),
    ("LDAP_URI", "ldaps://a.example,ldaps://b.example", _URL_HOST),
    ("LDAP_URI", "ldaps://a.example http://b.example", f"{_SERVERS} (address 2 of 2)"),
    ("LDAP_URI", "ldaps://", _URL_HOST),
    ("LDAP_URI", "ldaps://:636", _URL_HOST),
    ("LDAP_URI", f"ldaps://cn=svc:{CANARY}@ldap.example.edu", _URL_PARTS),
    (
        "LDAP_URI",
        "ldaps://a.example/dc=x",
        "must hold no path after the host; NETID_LDAP_USER_BASE says where people are",
    ),
    ("LDAP_URI", "ldaps://a.example/dc=x??sub", _URL_PARTS),
    ("LDAP_URI", "embedded:directory/campus.ldif ldaps://a.example", _MIXED),
    ("LDAP_URI", "embedded:a embedded:b", _MIXED),
    ("LDAP_URI", "ldaps://a.example ldapi:///", f"{_SOCKET} (address 2 of 2)"),
    ("LDAP_URI", "embedded:", f"names what is not a plain file: {ROOT}"),
    ("LDAP_URI", "embedded:no/such.ldif", "names a file that does not exist"),
    ("LDAP_ID_ATTRIBUTE", "entry UUID", "must be the name of one attribute, such as entryUUID"),
    ("LDAP_ID_ATTRIBUTE", "uid)(x=*", "must be the name of one attribute, such as entryUUID"),
    ("LDAP_USER_FILTER", "(uid=*)", _PLACE),
    ("LDAP_USER_FILTER", "(uid={user})", _PLACE),
    ("LDAP_USER_FILTER", "(&(uid={username})(x={}))", _PLACE),
    *(
        ("LDAP_USER_FILTER", text, _FILTER)
        for text in [
            *("uid={username}", "((uid={username})", "(uid={username}))", "(uid={username})(x=y)"),
            *(")uid={username}(", "(uid={username}) ", "x(uid={username})"),
        ]
    ),
    *(("LDAP_GROUP_FILTER", text, _GROUP) for text in ["(member=*)", "(member={DN})", "(&(m={dn})(x={}))"]),
    ("LDAP_GROUP_FILTER", "member={dn}", _FILTER.replace("uid={username}", "member={dn}")),
    ("LDAP_PROFILE", "OpenLDAP", "must be 'openldap', '389ds', 'active-directory' or 'freeipa'"),
    ("LDAP_REALMS", "campus.example @campus.example", _REALMS),
    ("LDAP_REALMS", "CAMPUS\\", _REALMS),
    ("LDAP_NET_ID_ATTRIBUTE", "sAM AccountName", _ATTRIBUTE),
    ("LDAP_PASSWORD_CHANGED_ATTRIBUTE", "(x=y)", _ATTRIBUTE),
    ("LDAP_PRIVACY_ATTRIBUTE", "=TRUE", "must be attribute or attribute=value, such as suppressPublic=TRUE"),
    ("LDAP_PRIVACY_ATTRIBUTE", "a b=c", "must be attribute or attribute=value, such as suppressPublic=TRUE"),
    ("LDAP_PRIVACY_ATTRIBUTE", "x= ", "must name a value behind its equals sign, or have none"),
    ("LDAP_ALLOW_MUST_CHANGE", "maybe", _SWITCH),
    ("LDAP_USER_DN_TEMPLATE", "uid=%s,dc=example", _PLACE),
    (
        "LDAP_USER_DN_TEMPLATE",
        "{username}",
        "must be a DN, such as uid={username},ou=people,dc=example,dc=edu",
    ),
    ("LDAP_USER_DN_TEMPLATE", "uid=a,ou={username},dc=x", "must hold {username} in its first part"),
    ("LDAP_USER_FILTER", "(uid={username}=)(", _FILTER),
    ("CPU_AFFINITY", "maybe", "must be auto, on or off"),
    ("SECRET_KEY", " ", _RING),
    ("SECRET_KEY", "k" * 31, _RING),
    ("SECRET_KEY", f"{CANARY} short", _RING),
    ("DATABASE_URL", f"mysql://me:{CANARY}@db.example.edu/netid", _DATABASE),
    ("DATABASE_URL", f"postgres://me:{CANARY}@db.example.edu/netid", _DATABASE),
    ("DATABASE_URL", f"postgresql+psycopg2://me:{CANARY}@db.example.edu/netid", _DATABASE),
    ("DATABASE_URL", f"{CANARY}.sqlite3", _DATABASE),
]


@pytest.mark.parametrize(("setting", "value", "predicate"), REFUSALS)
def test_a_value_is_refused_in_one_sentence(tmp_path: Path, setting: str, value: str, predicate: str) -> None:
    """The sentence begins with the setting, names what is accepted, and repeats no secret."""
    assert mistakes(tmp_path, {**REAL, f"NETID_{setting}": value}) == [f"NETID_{setting} {predicate}."]


@pytest.mark.parametrize(
    ("setting", "value", "kept"),
    [
        ("ISSUER", "https://login.example.edu", "https://login.example.edu"),
        ("ISSUER", "https://login.example.edu/", "https://login.example.edu"),
        ("ISSUER", "https://login.example.edu:444/net-id/v1.0", "https://login.example.edu:444/net-id/v1.0"),
        ("ISSUER", "http://localhost:8080", "http://localhost:8080"),
        ("ISSUER", "http://127.8.9.1", "http://127.8.9.1"),
        ("ISSUER", "http://[::1]:8080/", "http://[::1]:8080"),
        ("BIND", "0.0.0.0:443", "0.0.0.0:443"),
        ("BIND", "[::1]:8080", "[::1]:8080"),
        ("ALLOW_PLAIN_HTTP", "on", True),
        ("ALLOW_EMBEDDED_DIRECTORY", "yes", True),
        ("CONTACT", "identity+oauth@example.edu", "identity+oauth@example.edu"),
        ("CONTACT", "https://help.example.edu/?form=oauth", "https://help.example.edu/?form=oauth"),
        ("DOCS_URI", "http://localhost:8000/docs#start", "http://localhost:8000/docs#start"),
        ("POLICY_URI", "https://example.edu/data?lang=en", "https://example.edu/data?lang=en"),
        ("TERMS_URI", "https://[2001:db8::1]/terms", "https://[2001:db8::1]/terms"),
        ("BIND", "host-1.example.edu:65535", "host-1.example.edu:65535"),
        ("LDAP_URI", "LDAPS://ldap.example.edu:636/", ("ldaps://ldap.example.edu:636",)),
        ("LDAP_URI", "ldapi://%2Frun%2Fslapd%2Fldapi", ("ldapi://%2Frun%2Fslapd%2Fldapi",)),
        (
            "LDAP_URI",
            " ldap://a\tldaps://[::1]:636 ldapi://%2Frun ",
            ("ldap://a", "ldaps://[::1]:636", "ldapi://%2Frun"),
        ),
        ("LDAP_USER_FILTER", "(&(uid={username})(!(x=\\28)))", "(&(uid={username})(!(x=\\28)))"),
        ("LDAP_USER_FILTER", "(|(uid={username})(mail={username}))", "(|(uid={username})(mail={username}))"),
        ("LDAP_USER_DN_TEMPLATE", "uid={username},dc=x", "uid={username},dc=x"),
        ("LDAP_ID_ATTRIBUTE", "1.3.6.1.1.16.4", "1.3.6.1.1.16.4"),
        ("LDAP_PROFILE", "active-directory", "active-directory"),
        ("LDAP_REALMS", "campus.example  CAMPUS", ("campus.example", "CAMPUS")),
        ("LDAP_NET_ID_ATTRIBUTE", "sAMAccountName", "sAMAccountName"),
        ("LDAP_ALLOW_MUST_CHANGE", "on", True),
        ("LDAP_CONNECT_TIMEOUT", "0.25", 0.25),
        ("SQLITE_SYNCHRONOUS", "NORMAL", "NORMAL"),
        ("CPU_AFFINITY", "Yes", "on"),
        ("CPU_AFFINITY", "off", "off"),
        ("CPU_AFFINITY", "auto", "auto"),
        ("TRUSTED_PROXIES", "0", 0),
        (
            "REFUSE_MEMBERS",
            "group:cn=a\\; b,dc=x; affiliation:staff",
            ("group:cn=a\\; b,dc=x", "affiliation:staff"),
        ),
        (
            "DEFAULT_SCOPE",
            " profile  https://campus.example/read profile",
            "profile https://campus.example/read",
        ),
    ],
)
def test_a_value_is_accepted(tmp_path: Path, setting: str, value: str, kept: object) -> None:
    """What an operator may write is kept as it is, or in its one form."""
    settings = load_settings(tmp_path, {**REAL, f"NETID_{setting}": value})
    assert value_of(settings, setting.lower()) == kept


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    """Other bytes than UTF-8 in the environment are named here, and do not fail later."""
    environ = {"NETID_LDAP_BIND_DN": os.fsdecode(b"cn=\xff"), "NETID_LDAP_BIND_PASSWORD": "word"}
    assert mistakes(tmp_path, environ) == ["NETID_LDAP_BIND_DN holds bytes that are not UTF-8 text."]
