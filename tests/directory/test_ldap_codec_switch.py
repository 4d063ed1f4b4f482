"""The codec on a connection: what it leaves to ldap3, and connections without it (NETID_LDAP_CODEC)."""

import threading
from collections.abc import Callable

import pytest
from ldap3 import Server

from directory import Directory
from tests.directory.conformance import DirectoryConformance
from tests.directory.scripted import SEARCH, Scripted, friendly, message, result, tlv
from tests.servers.slapd import Slapd

IDENTITY = {b"uid": b"alice", b"entryUUID": b"00000000-0000-4000-8000-00000000000a"}


class TestSlapdByLdap3(DirectoryConformance):
    """Without the codec, OpenLDAP passes the conformance tests of every directory too."""

    @pytest.fixture
    def open_with(self, on_slapd: Callable[..., Directory], slapd: Slapd) -> Callable[..., Directory]:
        """Open a directory on the common slapd without the codec."""
        return lambda **changes: on_slapd(slapd, codec=False, **changes)


def test_login_is_encoded_as_by_ldap3(
    opened: Callable[..., Directory], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes of a login are the same with and without the codec, message ids included."""
    encoded, own_ids = [], threading.local()  # threads that other tests left running take ids too

    def next_message_id() -> int:
        own_ids.last = getattr(own_ids, "last", 0) + 1
        return int(own_ids.last)

    monkeypatch.setattr(Server, "next_message_id", staticmethod(next_message_id))
    for codec in (True, False):
        own_ids.last = 0
        with Scripted() as server:
            directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", codec=codec)
            for _ in range(2):
                assert directory.find("alice").verify("päss").net_id == "alice"
            # Read before `close`: it sends two unbind requests in any order.
            encoded.append(server.received)
            directory.close()
    assert encoded[0] == encoded[1]


def entry(message_id: int, attributes: dict[bytes, tuple[bytes, ...]]) -> bytes:
    """Return an entry whose attributes may have many values, and success."""
    pairs = [
        tlv(0x30, tlv(0x04, name), tlv(0x31, *(tlv(0x04, value) for value in values)))
        for name, values in attributes.items()
    ]
    found = message(message_id, tlv(0x64, tlv(0x04, b"uid=alice,dc=x"), tlv(0x30, *pairs)))
    return found + result(SEARCH, message_id)


@pytest.mark.parametrize("codec", [True, False])
def test_ranged_attribute_is_read_completely(opened: Callable[..., Directory], codec: bool) -> None:  # noqa: FBT001
    """ldap3 requests the remaining ranges of an attribute (MS-ADTS, 3.1.1.3.1.3.3)."""

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation != SEARCH:
            return friendly(operation, message_id, request)
        known = {name: (value,) for name, value in IDENTITY.items()}
        if b"range=2-" in request:
            return entry(message_id, {b"memberOf;range=2-*": (b"cn=c",)})
        return entry(message_id, {**known, b"memberOf;range=0-1": (b"cn=a", b"cn=b")})

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", codec=codec)
        for _ in range(2):
            assert directory.find("alice", groups=True).verify("x").groups == ("cn=a", "cn=b", "cn=c")
        assert server.connections == 2


@pytest.mark.parametrize("codec", [True, False])
def test_result_with_a_text_that_is_not_utf_8_counts(opened: Callable[..., Directory], codec: bool) -> None:  # noqa: FBT001
    """A server's text in an old encoding does not change the meaning of its result."""

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == SEARCH:
            return friendly(operation, message_id, request)
        return result(operation, message_id, 0, "willkommen, schön".encode("latin-1"))

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", codec=codec)
        assert directory.find("alice").verify("x").net_id == "alice"
