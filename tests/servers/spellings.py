"""Finds every character that a real directory equates with ASCII text.

Owns: querying a server for each code point, and printing the characters that it equates. Must not know: how
we fold names.

A directory finds a user by any spelling that it equates with the user's name, so each spelling must have the
same digest as the name. Run `python -m tests.servers.spellings slapd` to query the server again. It takes
minutes, and prints the lines of `tests/directory/spellings/`.
"""

import socket
import ssl
import string
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import trustme

from directory.ldap.people.user_filter import escape_for_filter
from directory.ldap.protocol import encode
from directory.ldap.protocol.decode import BIND_RESPONSE, SEARCH_DONE, ResponseReader
from directory.ldap.protocol.entry import SearchResult
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd
from tests.servers.ds389 import Ds389, as_on_389ds
from tests.servers.samba import ADMINISTRATOR, DOMAIN, PASSWORD, PEOPLE, Samba
from tests.servers.slapd import SUFFIX, Slapd

NOTHING = "-"
"""How a table writes that a character is equated with no character at all."""

# Letters around the character that compose with no mark.
_BEFORE, _AFTER = "q", "q"
_AT_ONCE = 400
_LONGEST = 12  # of the text that one character is equated with; sAMAccountName holds 20
_SINGLE = tuple(string.ascii_lowercase + string.digits)


def code_points() -> Iterator[str]:
    """Yield every character outside ASCII, with unassigned ones, without surrogates, which UTF-8 excludes."""
    for number in range(0x80, sys.maxunicode + 1):
        if not 0xD800 <= number <= 0xDFFF:
            yield chr(number)


def texts(*, pairs: bool = True) -> list[str]:
    """List the texts that a server may equate a character with: none, one or two letters, or a decomposition.

    Args:
        pairs: whether to include all pairs; otherwise only those of Unicode's decompositions.
    """
    known = {*_SINGLE, "", "ss", "ae", "oe", "th", "ij", "dz", "nj", "lj", "dh", "hv", "ng", "ue", "aa"}
    if pairs:
        known.update("".join(pair) for pair in product(_SINGLE, _SINGLE))
    for character in code_points():
        for form in (character, character.lower(), character.upper(), character.casefold()):
            plain = unicodedata.normalize("NFKD", form).lower()
            if plain.isascii() and plain.isalnum() and len(plain) <= _LONGEST:
                known.add(plain)
    return sorted(known)


def name_of(text: str) -> str:
    """Return the login name in the directory that represents a text."""
    return f"{_BEFORE}{text}{_AFTER}"


def spelled(character: str) -> tuple[str, str, str]:
    """Return a character between the two letters, before them and after them."""
    both = _BEFORE + _AFTER
    return f"{_BEFORE}{character}{_AFTER}", character + both, both + character


def read_table(file: Path) -> Iterator[tuple[str, str]]:
    """Read a table: each character with the text that the server equates it with."""
    for line in file.read_text("ascii").splitlines():
        if not line.startswith("#"):
            number, _, text = line.partition(" ")
            yield chr(int(number, 16)), "" if text == NOTHING else text


class Asker:
    """One connection to a server, bound as an account that may search."""

    def __init__(
        self,
        address: tuple[str, int],
        base: str,
        attribute: str,
        *,
        account: tuple[str, str],
        ca_file: Path | None = None,
    ) -> None:
        self._base = base
        self._attribute = attribute
        self._socket: socket.socket = socket.create_connection(address, timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ca_file is not None:
            context = ssl.create_default_context(cafile=str(ca_file))
            self._socket = context.wrap_socket(self._socket, server_hostname=address[0])
        self._number = 0
        name, password = account
        assert self.bind(name, password) == 0

    def bind(self, name: str, password: str) -> int:
        """Bind, and return the result code (RFC 4511, 4.2)."""
        return self._ask(encode.simple_bind(name, password.encode()), BIND_RESPONSE).answer.code

    def found(self, names: Sequence[str]) -> set[str]:
        """Return the stored names of the entries that any of `names` finds."""
        alternatives = "".join(f"({self._attribute}={escape_for_filter(name)})" for name in names)
        request = encode.search(
            self._base, f"(|{alternatives})", scope=2, attributes=[self._attribute], size_limit=0
        )
        found = self._ask(request, SEARCH_DONE)
        assert found.answer.code == 0, found.answer
        return {value for entry in found.entries for value in entry.texts(self._attribute)}

    def exists(self, dn: str) -> bool:
        """Return whether an entry has this name."""
        request = encode.search(dn, "(objectClass=*)", scope=0, attributes=["1.1"], size_limit=0)
        return bool(self._ask(request, SEARCH_DONE).entries)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _ask(self, request: bytes, ending: int) -> SearchResult:
        self._number += 1
        self._socket.sendall(encode.message(self._number, request, ()))
        reading = ResponseReader(self._number, ending)
        found = None
        while found is None:
            received = self._socket.recv(65536)
            assert received
            found = reading.take(received)
        return found


def survey(asker: Asker, characters: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find the characters that are equated with ASCII text.

    Args:
        asker: for a directory that has an entry for each of `texts`.
        characters: the characters to try.

    Yields:
        Each equated character, and its text.
    """
    # Otherwise a server that finds nothing would seem to equate nothing.
    assert asker.found([name_of("A").upper()]) == {name_of("a")}
    for first in range(0, len(characters), _AT_ONCE):
        yield from _equated(asker, characters[first : first + _AT_ONCE])


def _equated(asker: Asker, characters: Sequence[str]) -> Iterator[tuple[str, str]]:
    found = asker.found([name for character in characters for name in spelled(character)])
    if not found:
        return
    if len(characters) == 1:
        texts_found = {name[len(_BEFORE) : -len(_AFTER)] for name in found}
        assert len(texts_found) == 1, (characters, found)
        yield characters[0], texts_found.pop()
        return
    half = len(characters) // 2
    yield from _equated(asker, characters[:half])
    yield from _equated(asker, characters[half:])


def people_of(texts_stored: Sequence[str]) -> bytes:
    """Return the LDIF of a directory with a user for each text."""
    entries = [
        f"dn: uid={name_of(text)},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\n"
        f"uid: {name_of(text)}\ncn: a person\nsn: person\nuserPassword: a-password\n"
        for text in texts_stored
    ]
    return crowd(0) + "\n".join(["", *entries]).encode()


def _on_slapd(folder: Path, authority: trustme.CA) -> Iterator[Asker]:
    server = Slapd(folder / "slapd", authority, people_of(texts()), size=256 * 1024 * 1024)
    yield from _asked_by_uid(server)


def _on_ds389(folder: Path, authority: trustme.CA) -> Iterator[Asker]:
    yield from _asked_by_uid(Ds389(folder / "ds389", authority, as_on_389ds(people_of(texts()))))


def _asked_by_uid(server: Slapd | Ds389) -> Iterator[Asker]:
    server.start()
    try:
        yield Asker(
            ("127.0.0.1", server.port),
            f"ou=people,{SUFFIX}",
            "uid",
            account=(SERVICE_DN, SERVICE_PASSWORD),
        )
    finally:
        server.stop()


def _on_samba(folder: Path, authority: trustme.CA) -> Iterator[Asker]:
    server = Samba(folder / "samba", authority)
    try:
        server.start()
        server.change(DOMAIN, {"pwdProperties": 0, "minPwdLength": 1})
        server.add(PEOPLE, objectClass=["organizationalUnit"])
        for text in texts(pairs=False):
            server.add_person(name_of(text), "a-password")
        yield Asker(
            (server.address, 636),
            PEOPLE,
            "sAMAccountName",
            account=(ADMINISTRATOR, PASSWORD),
            ca_file=server.ca_file,
        )
    finally:
        server.stop()


_SERVERS = {"slapd": _on_slapd, "samba": _on_samba, "ds389": _on_ds389}


def main(kind: str) -> None:
    """Query a server for every code point, and print what it equates.

    Args:
        kind: the kind of server.
    """
    with tempfile.TemporaryDirectory() as folder:
        for asker in _SERVERS[kind](Path(folder), trustme.CA()):
            for character, text in survey(asker, list(code_points())):
                sys.stdout.write(f"{ord(character):04X} {text or NOTHING}\n")
            asker.close()


if __name__ == "__main__":
    main(sys.argv[1])
