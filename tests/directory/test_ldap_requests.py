"""Encoded requests: the same bytes as ldap3's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3 import BASE, DEREF_NEVER, SIMPLE, SUBTREE
from ldap3.core.exceptions import LDAPInvalidFilterError
from ldap3.operation.bind import bind_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from pyasn1.codec.ber.encoder import encode

from directory.ldap.config import USERNAME
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.people.user_filter import escape_for_filter
from directory.ldap.protocol import encode as requests

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def of_ldap3(kind: str, request: object, message_id: int, controls: tuple[str, ...] = ()) -> bytes:
    """Encode a request with its envelope by ldap3."""
    message = LDAPMessage()
    message["messageID"] = MessageID(message_id)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, request)
    if controls:
        message["controls"] = Controls()
        for position, oid in enumerate(controls):
            message["controls"][position] = build_control(oid, False, None)  # noqa: FBT003 - ldap3's signature
    return bytes(encode(message))


@given(TEXT, st.binary(min_size=1, max_size=1024), st.integers(1, 2**31 - 1), st.booleans())
def test_bind_is_encoded_as_by_ldap3(dn: str, password: bytes, message_id: int, policy: bool) -> None:  # noqa: FBT001
    """Holds for any DN, password and message id, with and without the policy control (RFC 4511, 4.2)."""
    controls = ("1.3.6.1.4.1.42.2.27.8.5.1",) if policy else ()
    theirs = bind_operation(3, SIMPLE, dn, password)
    ours = requests.message(message_id, requests.simple_bind(dn, password), controls)
    assert ours == of_ldap3("bindRequest", theirs, message_id, controls)


@given(TEXT, TEXT, st.integers(0, 2**31 - 1), st.lists(st.sampled_from(["uid", "1.1", "entryUUID"])))
def test_search_is_encoded_as_by_ldap3(base: str, name: str, size_limit: int, attributes: list[str]) -> None:
    """Holds for any base, name and limit, with the filter of each profile (RFC 4511, 4.5.1)."""
    for profile in PROFILES.values():
        assert_same_search(
            base, profile.user_filter.replace(USERNAME, escape_for_filter(name)), size_limit, attributes
        )


@pytest.mark.parametrize(
    "search_filter",
    [
        "(objectClass=*)",
        "(!(uid=a))",
        "(&(|(uid=a)(mail=a))(!(nsAccountLock=true))(cn=*))",
        "(cn=a*b*c)",
        "(cn=*b*)",
        "(uidNumber>=1)",
        "(uidNumber<=1)",
        "(cn~=a)",
        "(member:1.2.840.113556.1.4.1941:=cn=a)",
        "(:dn:2.5.13.5:=a)",
        r"(cn=\00\2a\28\29\5c\c3\bc)",
        "(cn=ü)",
        "(cn=)",
        r"(cn=a\zz)",
    ],
)
def test_filter_is_encoded_as_by_ldap3(search_filter: str) -> None:
    """Covers every kind of filter that an operator may set (RFC 4515, 4)."""
    assert_same_search("dc=x", search_filter, 2, ["uid"])


@pytest.mark.parametrize("broken", ["", "uid=a", "(uid=a", "(&(uid=a)", "(uid)"])
def test_invalid_filter_is_not_sent(broken: str) -> None:
    """It raises the same error as ldap3 does."""
    with pytest.raises(LDAPInvalidFilterError):
        requests.search("dc=x", broken, scope=2, attributes=[], size_limit=2)


def assert_same_search(base: str, search_filter: str, size_limit: int, attributes: list[str]) -> None:
    """Compare a search of each scope with ldap3's encoding."""
    for number, scope in ((0, BASE), (2, SUBTREE)):
        by_position = (base, search_filter, scope, DEREF_NEVER, attributes, size_limit, 0)
        theirs = search_operation(*by_position, types_only=False, auto_escape=False, auto_encode=False)
        ours = requests.search(
            base, search_filter, scope=number, attributes=attributes, size_limit=size_limit
        )
        assert requests.message(7, ours, ()) == of_ldap3("searchRequest", theirs, 7)
