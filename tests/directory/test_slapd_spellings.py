"""OpenLDAP finds one user under many spellings, and failures under each spelling are counted together."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from directory import Directory, Dn, InvalidCredentials, dn_key, strict_dn_key
from directory.dn import escape_for_dn, unescape_from_dn
from login import Names, Throttled
from login.names import folded
from tests.directory.conformance import ALICE, TEMPLATE
from tests.guards import Gate
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD
from tests.servers.slapd import SUFFIX, Slapd, require_slapd
from tests.servers.spellings import Asker, name_of, people_of, read_table, spelled

TABLE = list(read_table(Path(__file__).with_name("spellings") / "slapd.txt"))
NAMES = Names(b"k" * 32)
# Characters that one call normalizes.
_BATCH = 4000


@pytest.fixture(scope="module")
def texts_server(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Slapd]:
    """A slapd with a user for each text of the table."""
    require_slapd()
    texts = sorted({text for _, text in TABLE})
    server = Slapd(tmp_path_factory.mktemp("spellings") / "data", authority, people_of(texts))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def asker(texts_server: Slapd) -> Iterator[Asker]:
    """A connection to that slapd."""
    where = ("127.0.0.1", texts_server.port)
    found = Asker(where, f"ou=people,{SUFFIX}", "uid", account=(SERVICE_DN, SERVICE_PASSWORD))
    yield found
    found.close()


def test_table_lists_what_the_server_equates(asker: Asker) -> None:
    """Each line of the table is true on the server: by search, and by the DN of a template."""
    for character, text in TABLE:
        found = {name for each in spelled(character) for name in asker.found([each])}
        assert found == {name_of(text)}, hex(ord(character))
        if text:
            written = escape_for_dn(spelled(character)[0])
            assert asker.exists(f"uid={written},ou=people,{SUFFIX}"), hex(ord(character))


def test_names_with_one_normal_form_have_one_digest(texts_server: Slapd) -> None:
    """Each character up to U+FFFF and the server's normal form of it are folded to the same text.

    So two spellings that the server equates have one digest, in any script.
    """
    numbers = [number for number in range(0x80, 0x10000) if not 0xD800 <= number <= 0xDFFF]
    for first in range(0, len(numbers), _BATCH):
        names = [f"q{chr(number)}q" for number in numbers[first : first + _BATCH]]
        for name, normal in zip(names, _normal_forms(texts_server, names), strict=True):
            assert folded(normal) == folded(name), ascii(name)


@pytest.mark.server
def test_dns_of_rules_are_compared_as_the_server_does(texts_server: Slapd) -> None:
    """The strict key equates no DNs that the server distinguishes; the tolerant key, all that it equates.

    Code points after the last Hangul syllable that are no characters are left out.
    """
    numbers = [number for number in range(0x80, 0xFFFE) if not 0xD7A4 <= number <= 0xDFFF]
    normal_of: dict[Dn, str] = {}
    for first in range(0, len(numbers), _BATCH):
        names = [f"q{chr(number)}q" for number in numbers[first : first + _BATCH]]
        for name, normal in zip(names, _normal_forms(texts_server, names), strict=True):
            written, normal_dn = f"uid={escape_for_dn(name)}", f"uid={escape_for_dn(normal)}"
            assert dn_key(written) == dn_key(normal_dn), ascii(name)
            assert normal_of.setdefault(strict_dn_key(written), normal) == normal, ascii(name)


def _normal_forms(server: Slapd, names: list[str]) -> list[str]:
    arguments = [
        "slapdn",
        "-f",
        str(server.folder / "slapd.conf"),
        "-N",
        *(f"uid={escape_for_dn(name)}" for name in names),
    ]
    done = subprocess.run(
        arguments, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, capture_output=True, check=True
    )
    return [
        unescape_from_dn(line.removeprefix("uid="))
        for line in done.stdout.decode().removesuffix("\n").split("\n")
    ]


@pytest.mark.parametrize("typed", ["al\u0130ce", "\uff41lice", "al\u2071ce", "AL\u0130CE", " alice"])
@pytest.mark.parametrize("bound", [True, False])
def test_a_spelling_that_logs_in_is_counted_as_the_name(
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    typed: str,
    bound: bool,  # noqa: FBT001
) -> None:
    """By a template, with our account and without it: the spelling is alice, and so is its digest."""
    nobody = {} if bound else {"bind_dn": None, "bind_password": None}
    directory = on_slapd(slapd, user_dn_template=TEMPLATE, **nobody)
    assert directory.find(typed).verify("alice-password").id == ALICE
    assert NAMES.digest(typed) == NAMES.digest("alice")


@pytest.mark.parametrize("how", ["search", "template", "template alone"])
def test_openldap_keeps_two_people_apart(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd], how: str
) -> None:
    """Both are people to OpenLDAP; each logs in, and neither empties the other's count."""
    people = "ou=people,dc=campus,dc=example"
    entries = "".join(
        f"\ndn: uid={name},{people}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: x\nsn: x\n"
        f"userPassword: of {name}\n"
        for name in ("andre", "andré")
    )
    settings: dict[str, dict[str, str | None]] = {
        "search": {},
        "template": {"user_dn_template": f"uid={{username}},{people}"},
        "template alone": {
            "user_dn_template": f"uid={{username}},{people}",
            "bind_dn": None,
            "bind_password": None,
        },
    }
    directory = on_slapd(new_slapd(entries.encode()), **settings[how])
    gate = Gate(directory, person="4/15minutes", sees_accounts=how != "template alone")
    assert gate.ask("andre", "of andre").id != gate.ask("andré", "of andré").id
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            gate.ask("andré")
        with suppress(Throttled):
            gate.ask("andre", "of andre")
    with pytest.raises(Throttled):
        gate.ask("andré", "of andré")
