"""No typed login name is in a log, a row or an error: users type passwords there."""

from collections.abc import Callable, Iterator

import pytest
import trustme

from cli.services import services
from directory.ldap.protocol.server_text import WITHHELD
from tests.conftest import Site
from tests.directory.scripted import BIND, SEARCH, Scripted, entry, friendly, message, result, tlv
from tests.faults import database_file
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd
from tests.servers.slapd import SUFFIX, Slapd, require_slapd
from tests.telemetry.canaries import Canaries
from wiring.audit import write_refusals

# Each is escaped in another way in a DN and in a filter. The word that is searched for is in all of them.
WORD, PASSWORD = "canary4721", "canary4722"
TYPED = (WORD, f'näme, "{WORD}"+x', f"*({WORD})<=\\#")
HOW = {
    "search": {},
    "template and account": {"NETID_LDAP_USER_DN_TEMPLATE": "uid={username},ou=people,dc=campus,dc=example"},
    "template alone": {
        "NETID_LDAP_USER_DN_TEMPLATE": "uid={username},ou=people,dc=campus,dc=example",
        "NETID_LDAP_BIND_DN": "",
        "NETID_LDAP_BIND_PASSWORD": "",
    },
}
_NO_LIMITS = {f"NETID_LIMIT_{name}": "" for name in ("PERSON", "CLIENT", "ADDRESS", "SERVER")} | {
    "NETID_SHIELD_BUDGET": "0"
}

Answer = Callable[[int, int, bytes], bytes | None]


def quoting(operation: int, code: int) -> Answer:
    """Answer with a code, and a text that quotes the request."""
    return lambda asked, number, request: (
        result(asked, number, code, request[7:120])
        if asked == operation
        else friendly(asked, number, request)
    )


def farewell(_asked: int, _number: int, request: bytes) -> bytes:
    """A notice of disconnection that quotes the request (RFC 4511, 4.4.1)."""
    oid = tlv(0x8A, b"1.3.6.1.4.1.1466.20036")
    return message(
        0, tlv(0x78, tlv(0x0A, b"\x34"), tlv(0x04, request[7:120]), tlv(0x04, request[7:120]), oid)
    )


def broken(asked: int, number: int, request: bytes) -> bytes:
    """An answer that is not UTF-8, and contains the request."""
    return result(asked, number, 49, b"\xff" + request[7:120])


def nameless(asked: int, number: int, request: bytes) -> bytes | None:
    """An entry that has only a DN, which contains the typed name."""
    if asked != SEARCH:
        return friendly(asked, number, request)
    return entry(number, f"uid={WORD},dc=x".encode(), {b"cn": b"x"}) + result(SEARCH, number)


_CODES = (1, 4, 10, 13, 19, 32, 34, 49, 50, 53, 80)
POLITE: dict[str, Answer] = {
    **{f"bind {code}": quoting(BIND, code) for code in _CODES},
    **{f"search {code}": quoting(SEARCH, code) for code in (0, *_CODES)},
    "nameless": nameless,
}
# After these answers, a server is in quarantine for a while.
IMPOLITE: dict[str, Answer] = {
    **{f"bind {code}": quoting(BIND, code) for code in (51, 52)},
    **{f"search {code}": quoting(SEARCH, code) for code in (51, 52)},
    "farewell": farewell,
    "broken": broken,
    "hangs up": lambda *_: None,
}


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A directory server whose answers a test chooses."""
    with Scripted() as scripted:
        yield scripted


def log_in_with_each_name(site: Site) -> None:
    """Log in under each typed name with a wrong password."""
    client = site.register()
    for name in TYPED:
        answer = site.ask_token(client, username=name, password=PASSWORD)
        assert answer.status_code in {400, 503}, answer.text
        assert WORD not in answer.text


def nothing_is_written(site: Site, all_logs: Callable[[], str]) -> None:
    """Neither logs nor the audit contain the typed name, though refusals are in both."""
    write_refusals(site.app)
    lines = site.log.getvalue()
    assert "grant.refused" in lines or "directory.unavailable" in lines
    file = database_file(site)
    raw = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    assert b"grant.refused" in raw or b"directory.unavailable" in raw
    texts = [lines, all_logs(), site.run("audit", "list", "--json"), raw.decode("latin-1")]
    assert [Canaries([WORD, PASSWORD]).found_in(text) for text in texts] == [[], [], [], []]


@pytest.fixture
def open_site(make_site: Callable[..., Site]) -> Iterator[Callable[..., Site]]:
    """Make applications without limits, and close their connections after the test."""
    made = []

    def make(**settings: str) -> Site:
        made.append(make_site(**(_NO_LIMITS | settings)))
        return made[-1]

    yield make
    for site in made:
        with site.app.app_context():
            services().directory.close()


def on_script(server: Scripted) -> dict[str, str]:
    """The settings of an operator with that server."""
    return {
        "NETID_LDAP_URI": server.uri,
        "NETID_LDAP_START_TLS": "off",
        "NETID_LDAP_USER_BASE": "dc=campus,dc=example",
        "NETID_LDAP_BIND_DN": "cn=svc",
        "NETID_LDAP_BIND_PASSWORD": "svc-password",
    }


def saying(answer: Answer) -> Answer:
    """Answer requests with the typed text in this way, and all others as a healthy server does."""

    def say(asked: int, number: int, request: bytes) -> bytes | None:
        is_typed = any(word.encode() in request for word in (WORD, PASSWORD))
        return (answer if is_typed else friendly)(asked, number, request)

    return say


@pytest.mark.parametrize(("how", "codec"), [*((how, "on") for how in HOW), ("template and account", "off")])
def test_name_that_a_server_quotes_is_written_nowhere(
    open_site: Callable[..., Site], all_logs: Callable[[], str], server: Scripted, how: str, codec: str
) -> None:
    """A server's diagnostic message may quote the name (RFC 4511, 4.1.9). It is not repeated."""
    settings = on_script(server) | HOW[how] | {"NETID_LDAP_CODEC": codec}
    site = open_site(**settings)
    for answer in POLITE.values():
        server.script = saying(answer)
        log_in_with_each_name(site)
    nothing_is_written(site, all_logs)
    assert WITHHELD in site.log.getvalue()
    for answer in IMPOLITE.values():
        server.script = saying(answer)
        site = open_site(**settings)
        log_in_with_each_name(site)
        nothing_is_written(site, all_logs)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A slapd with a user whose name is a canary."""
    require_slapd()
    person = f"""
dn: uid={WORD},ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: {WORD}
cn: A person
sn: Person
userPassword: another-password
"""
    server = Slapd(tmp_path_factory.mktemp("names") / "slapd", trustme.CA(), crowd(1) + person.encode())
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("how", HOW)
def test_typed_name_is_written_nowhere_with_openldap(
    open_site: Callable[..., Site], all_logs: Callable[[], str], slapd: Slapd, how: str
) -> None:
    """OpenLDAP: a wrong password, unknown names, and a server that is away."""
    real = {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_CA_FILE": str(slapd.ca_file),
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
        "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
    }
    site = open_site(**(real | HOW[how]))
    log_in_with_each_name(site)
    away = open_site(**(real | HOW[how] | {"NETID_LDAP_URI": "ldap://127.0.0.1:9"}))
    log_in_with_each_name(away)
    for each in (site, away):
        nothing_is_written(each, all_logs)
    reasons = {line.get("reason") for line in site.log_lines()}
    assert "wrong_password" in reasons
