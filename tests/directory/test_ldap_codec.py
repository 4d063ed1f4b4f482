"""Decoded responses: exactly what ldap3 reads, or none."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3 import NONE, Connection, Server
from ldap3.core.results import RESULT_CODES
from ldap3.protocol.rfc4511 import (
    URI,
    AttributeValue,
    BindResponse,
    Control,
    Controls,
    LDAPMessage,
    MessageID,
    PartialAttribute,
    ProtocolOp,
    Referral,
    SearchResultDone,
    SearchResultEntry,
    SearchResultReference,
    Vals,
)
from ldap3.utils.asn1 import decode_message_fast
from pyasn1.codec.ber.encoder import encode

from directory.ldap.connections.strategy import search_result_from
from directory.ldap.protocol.decode import BIND_RESPONSE, SEARCH_DONE, ResponseReader, UnexpectedMessage
from directory.ldap.protocol.entry import Answer, SearchResult
from tests.directory.scripted import message, tlv

POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
LDAP3 = Connection(Server("localhost", get_info=NONE), check_names=False)

CODES = st.sampled_from(sorted(RESULT_CODES))
IDS = st.integers(1, 2**31 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}(;[a-z]{1,5})?", fullmatch=True)
ATTRIBUTES = st.dictionaries(NAMES.map(str.lower), st.lists(st.binary(max_size=300), max_size=3), max_size=6)
OIDS = st.sampled_from([POLICY, "2.16.840.1.113730.3.4.4", "1.2.3.4"])
CONTROLS = st.dictionaries(OIDS, st.tuples(st.booleans(), st.none() | st.binary(max_size=200)), max_size=3)


def enveloped(
    message_id: int, kind: str, operation: object, controls: Mapping[str, tuple[bool, bytes | None]]
) -> bytes:
    """Encode a response with its envelope by pyasn1."""
    envelope = LDAPMessage()
    envelope["messageID"] = MessageID(message_id)
    envelope["protocolOp"] = ProtocolOp().setComponentByName(kind, operation)
    if controls:
        envelope["controls"] = Controls()
        for position, (oid, (critical, value)) in enumerate(controls.items()):
            control = Control()
            control["controlType"], control["criticality"] = oid, critical
            if value is not None:
                control["controlValue"] = value
            envelope["controls"][position] = control
    return bytes(encode(envelope))


def filled(operation: object, code: int, text: str, *, referred: bool) -> object:
    """Fill in the parts of a result (RFC 4511, 4.1.9), with a referral on request."""
    operation["resultCode"], operation["matchedDN"], operation["diagnosticMessage"] = code, "dc=x", text  # type: ignore[index]
    if referred:
        operation["referral"] = Referral().setComponentByPosition(0, URI("ldap://elsewhere"))  # type: ignore[index]
    return operation


def entry(dn: str, attributes: dict[str, list[bytes]]) -> object:
    """Make an entry of a search (RFC 4511, 4.5.2)."""
    made = SearchResultEntry()
    made["object"] = dn
    for position, (name, values) in enumerate(attributes.items()):
        partial = PartialAttribute()
        partial["type"], partial["vals"] = name, Vals()
        for place, value in enumerate(values):
            partial["vals"][place] = AttributeValue(value)
        made["attributes"][position] = partial
    return made


def by_ldap3(messages: list[bytes]) -> SearchResult:
    """Decode messages by ldap3's own decoder."""
    responses = [LDAP3.strategy.decode_response_fast(decode_message_fast(each)) for each in messages]
    return search_result_from(responses[:-1], responses[-1])


@given(IDS, CODES, TEXTS, CONTROLS, st.booleans())
def test_bind_response_is_decoded_as_by_ldap3(
    message_id: int,
    code: int,
    text: str,
    controls: Mapping[str, tuple[bool, bytes | None]],
    referred: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """Holds for any result code, text and controls (RFC 4511, 4.2.2)."""
    operation = filled(BindResponse(), code, text, referred=referred)
    answer = enveloped(message_id, "bindResponse", operation, controls)
    values = {oid: value for oid, (_, value) in controls.items() if value is not None}
    expected = Answer(code, text.replace("\0", ""), values)
    assert ResponseReader(message_id, BIND_RESPONSE).take(answer) == SearchResult(expected, [])
    if not referred:  # ldap3 does not support a referral here
        assert by_ldap3([answer]) == SearchResult(expected, [])


@given(IDS, CODES, st.lists(st.tuples(TEXTS, ATTRIBUTES), max_size=3), st.integers(0, 2), st.data())
def test_search_response_is_decoded_as_by_ldap3(
    message_id: int,
    code: int,
    entries: list[tuple[str, dict[str, list[bytes]]]],
    references: int,
    data: st.DataObject,
) -> None:
    """Holds for any entries, references and result, in pieces of any size (RFC 4511, 4.5.2)."""
    reference = SearchResultReference().setComponentByPosition(0, URI("ldap://elsewhere/dc=x"))
    messages = [enveloped(message_id, "searchResEntry", entry(*each), {}) for each in entries]
    messages += [enveloped(message_id, "searchResRef", reference, {})] * references
    messages.append(
        enveloped(
            message_id,
            "searchResDone",
            filled(SearchResultDone(), code, data.draw(TEXTS), referred=code == 10),
            {},
        )
    )
    whole = b"".join(messages)
    reading = ResponseReader(message_id, SEARCH_DONE)
    left = whole
    while len(left) > 1 and (size := data.draw(st.integers(1, len(left)))) < len(left):
        assert reading.take(left[:size]) is None
        left = left[size:]
    assert reading.take(left) == by_ldap3(messages)
    assert reading.received == whole


@given(st.data(), st.integers(0, 255))
def test_changed_byte_is_decoded_as_by_ldap3_or_not_at_all(data: st.DataObject, byte: int) -> None:
    """With any one byte changed, the reader agrees with ldap3, raises, or waits for more bytes."""
    whole = [
        enveloped(7, "searchResEntry", entry("uid=a,dc=x", {"uid": [b"a", b"b"], "cn": [b"A"]}), {}),
        enveloped(
            7, "searchResDone", filled(SearchResultDone(), 0, "ok", referred=False), {POLICY: (False, b"0")}
        ),
    ]
    place = data.draw(st.integers(0, len(whole[0]) + len(whole[1]) - 1))
    changed = bytearray(b"".join(whole))
    changed[place] = byte
    try:
        found = ResponseReader(7, SEARCH_DONE).take(bytes(changed))
    except UnexpectedMessage:
        return
    if found is not None:
        assert found == by_ldap3([bytes(changed[: len(whole[0])]), bytes(changed[len(whole[0]) :])])


DONE = tlv(0x65, tlv(0x0A, b"\0"), tlv(0x04), tlv(0x04))
BOUND = tlv(0x61, tlv(0x0A, b"\0"), tlv(0x04), tlv(0x04))
FAREWELL = tlv(0x78, tlv(0x0A, b"\x34"), tlv(0x04), tlv(0x04), tlv(0x8A, b"1.3.6.1.4.1.1466.20036"))


def attribute(name: bytes) -> bytes:
    """Encode an attribute with one value."""
    return tlv(0x30, tlv(0x04, name), tlv(0x31, tlv(0x04, b"x")))


def found(*attributes: bytes, dn: bytes = b"dc=x") -> bytes:
    """Encode an entry."""
    return message(7, tlv(0x64, tlv(0x04, dn), tlv(0x30, *attributes)))


@pytest.mark.parametrize(
    "answer",
    [
        message(8, DONE),
        message(0, FAREWELL),
        message(7, FAREWELL),
        message(7, BOUND),
        message(7, tlv(0x79)),
        message(7, DONE) + message(0, FAREWELL),
        message(7, DONE) + b"\x30",
        message(7, tlv(0x65, tlv(0x0A, b"\0"), tlv(0x04))),
        message(7, tlv(0x65, tlv(0x0A), tlv(0x04), tlv(0x04))),
        message(7, tlv(0x65, tlv(0x0A, b"\0"), tlv(0x04), tlv(0x04, b"\xff"))),
        message(7, tlv(0x65, tlv(0x0A, b"\0"), tlv(0x04), tlv(0x04), tlv(0x99))),
        b"\x30\x80" + message(7, DONE)[2:] + b"\0\0",
        b"\x30\x85\x00\x00\x00\x00\x0c" + message(7, DONE)[2:],
        found(attribute(b"member;range=0-1499")),
        found(attribute(b"member;Range=0-1499")),
        found(attribute(b"uid"), attribute(b"UID")),
        found(attribute(b"\xc3\xbc")),
        found(dn=b"cn=\xfc"),
        message(7, tlv(0x73)),
        message(7, tlv(0x73, tlv(0x04, b"ldap://\xfc"))),
        message(7, tlv(0x73, tlv(0x04, b"dc=x"), tlv(0x30))),
        found(tlv(0x30, tlv(0x04, b"uid"))),
        found(tlv(0x30, tlv(0x04, b"uid"), tlv(0x31), tlv(0x04))),
        b"HTTP/1.1 400 Bad Request",
    ],
)
def test_unsupported_response_is_left_to_ldap3(answer: bytes) -> None:
    """Another message, operation or encoding raises, as do bytes after the end."""
    with pytest.raises(UnexpectedMessage):
        ResponseReader(7, SEARCH_DONE).take(answer)


@pytest.mark.parametrize(
    "answer",
    [
        message(7, DONE),
        found(),
        message(7, tlv(0x61, tlv(0x0A, b"\0"), tlv(0x04, b"NTLM"), tlv(0x04))),
        tlv(0x30, tlv(0x02, b"\x07"), BOUND, tlv(0xA1)),
        tlv(0x30, tlv(0x02, b"\x07"), BOUND, tlv(0xA0, tlv(0x30, tlv(0x04, b"1.2"), tlv(0x05)))),
        tlv(0x30, tlv(0x02, b"\x07"), BOUND, tlv(0xA0, tlv(0x30, tlv(0x04, b"1.2"), tlv(0x04), tlv(0x04)))),
        tlv(0x30, tlv(0x02, b"\x07"), BOUND, tlv(0xA0), tlv(0xA0)),
    ],
)
def test_only_a_bind_response_answers_a_bind(answer: bytes) -> None:
    """A success of another operation raises, and so does one with malformed controls."""
    with pytest.raises(UnexpectedMessage):
        ResponseReader(7, BIND_RESPONSE).take(answer)


@pytest.mark.parametrize("wanted", [0, 1, 5])
def test_incomplete_response_gives_no_result(wanted: int) -> None:
    """There is a result only when the last byte has arrived."""
    reading: Callable[[bytes], SearchResult | None] = ResponseReader(7, BIND_RESPONSE).take
    whole = message(7, BOUND)
    assert reading(whole[:wanted]) is None
    assert reading(whole[wanted:-1]) is None
    answered = reading(whole[-1:])
    assert answered is not None
    assert answered.answer.code == 0
