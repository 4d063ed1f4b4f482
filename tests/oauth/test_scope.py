"""Scope: its grammar, the granted scope, and the released claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Registration
from oauth.policy.claims import claims_of
from oauth.policy.scope import is_wellformed, resolve
from tests.fakes import ALICE

NAMES = st.lists(st.sampled_from(["a", "b", "c", "default", "profile"]), max_size=5).map(" ".join)


def client(scope: str = "", default: str | None = None) -> Registration:
    """A registration with this list and this default."""
    return Registration(client_name="a program", scope=scope, default_scope=default)


@pytest.mark.parametrize(
    "scope", ["a", "a b", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "https://campus.example/read", "A a"]
)
def test_wellformed_scope_is_accepted(scope: str) -> None:
    """Printable ASCII without quotes and backslashes, one space between (RFC 6749, 3.3)."""
    assert is_wellformed(scope)


@pytest.mark.parametrize(
    "scope", ["", " ", "a ", " a", "a  b", 'a"', "a\\b", "ü", "a\tb", "a\n", "\x7f", "a\u00a0b"]
)
def test_malformed_scope_is_refused(scope: str) -> None:
    """Any other text is a malformed scope (RFC 6749, 3.3)."""
    assert not is_wellformed(scope)
    assert resolve(scope, client("a b")) is None


@pytest.mark.parametrize(
    ("registered", "default", "asked", "granted"),
    [
        ("a b", None, None, "a b"),
        ("a b", "b", None, "b"),
        ("", None, None, "default"),
        ("", None, "default", "default"),
        ("a b", None, "b a", "b a"),
        ("a b", None, "a a b a", "a b"),
        ("a b", "b", "a", "a"),
        ("a b", None, "c", None),
        ("a b", None, "a c", None),
        ("a b", None, "default", None),
        ("", None, "a", None),
        ("a b", None, "A", None),
    ],
)
def test_scope_is_granted_by_request_and_registration(
    registered: str, default: str | None, asked: str | None, granted: str | None
) -> None:
    """The requested scope within the list; else the default, the list, or `default` (RFC 6749, 3.3)."""
    assert resolve(asked, client(registered, default)) == granted


@pytest.mark.parametrize(
    ("registered", "default", "server", "granted"),
    [
        ("a b", None, "b c", "b"),
        ("a b", None, "b a", "b a"),
        ("a b", None, "c", "a b"),
        ("a b", "a", "b", "a"),
        ("", None, "b", "default"),
        ("", None, "default", "default"),
    ],
)
def test_servers_default_applies_where_the_client_has_it(
    registered: str, default: str | None, server: str, granted: str
) -> None:
    """The server's default applies within the list of a client without its own default (RFC 6749, 3.3)."""
    assert resolve(None, client(registered, default), server_default=server) == granted


@pytest.mark.parametrize(
    ("registered", "asked", "granted"),
    [
        ("a b", "device_1 b", "b"),
        ("a b", "b device_1 a", "b a"),
        ("a b", "device_1", "a"),
        ("", "device_1", "default"),
        ("", "device_1 default", "default"),
        ("a b", "", None),
        ("a b", 'a"', None),
    ],
)
def test_tolerant_client_gets_what_it_may_have(registered: str, asked: str, granted: str | None) -> None:
    """Names that the client may not have are dropped; if none is left, the request counts as empty."""
    registration = client(registered, "a" if registered else None)
    assert resolve(asked, registration, tolerant=True) == granted


@given(registered=NAMES, asked=st.none() | NAMES | st.text())
def test_never_more_than_registered(registered: str, asked: str | None) -> None:
    """Any request is granted a part of the client's list, and never an empty scope (3.3)."""
    granted = resolve(asked, client(registered))
    if granted is not None:
        assert set(granted.split()) <= set(registered.split() or ["default"])
        assert granted


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("default", {}),
        ("profile", {"net_id": "alice", "name": "Alice Baker"}),
        ("email", {"mail": "alice@campus.example"}),
        ("email profile", {"mail": "alice@campus.example", "net_id": "alice", "name": "Alice Baker"}),
        ("Profile emails echo", {}),
    ],
)
def test_scope_releases_its_claims(scope: str, claims: dict[str, str]) -> None:
    """Each scope releases its own claims, an unknown one none."""
    assert claims_of(ALICE, scope, None) == claims
