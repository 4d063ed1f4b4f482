"""Login names with realms: what is removed, and which entry is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory import Directory, InvalidCredentials, Refusal
from directory.ldap.people.user_filter import candidate_names, normalized_name
from tests.directory.conformance import ALICE, TEMPLATE
from tests.directory.conftest import CAMPUS
from tests.generated import examples

REALMS = ("campus.example", "CAMPUS")
BY_MAIL = "(|(uid={username})(mail={username}))"

# No time limit for an example: other load on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=examples(100))


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("alice", ("alice",)),
        (" alice\t", ("alice",)),
        ("alice@campus.example", ("alice", "alice@campus.example")),
        ("Alice@CAMPUS.Example", ("Alice", "Alice@CAMPUS.Example")),
        ("alice @ campus.example", ("alice", "alice@campus.example")),
        ("a@b@campus.example", ("a@b", "a@b@campus.example")),
        ("alice@campus", ("alice", "alice@campus")),
        ("CAMPUS\\alice", ("alice",)),
        ("campus\\alice", ("alice",)),
        ("campus.example\\alice", ("alice",)),
        ("CAMPUS\\a\\b", ("a\\b",)),
        ("alice@elsewhere.example", ("alice@elsewhere.example",)),
        ("alice@sub.campus.example", ("alice@sub.campus.example",)),
        ("ELSEWHERE\\alice", ("ELSEWHERE\\alice",)),
        ("alice@", ("alice@",)),
        ("@campus.example", ("@campus.example",)),
        ("CAMPUS\\", ("CAMPUS\\",)),
        ("\\alice", ("\\alice",)),
        ("alice\\CAMPUS", ("alice\\CAMPUS",)),
    ],
)
def test_listed_realms_are_removed(typed: str, names: tuple[str, ...]) -> None:
    """A listed realm is removed, in any case. Other realms, and a realm without a name, stay."""
    assert candidate_names(typed, REALMS) == names


@relaxed
@given(st.text(max_size=300))
def test_without_realms_nothing_is_removed(typed: str) -> None:
    """If no realm is listed, a login name has one candidate."""
    try:
        name = normalized_name(typed)
    except InvalidCredentials:
        with pytest.raises(InvalidCredentials):
            candidate_names(typed, ())
    else:
        assert candidate_names(typed, ()) == (name,)


@relaxed
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_name_with_a_listed_realm_equals_the_name(local: str) -> None:
    """Any login name is the same with and without a listed realm."""
    try:
        (name,) = candidate_names(local, ())
    except InvalidCredentials:
        return
    if "@" not in name and "\\" not in name:
        assert candidate_names(f"{local}@campus.example", REALMS)[0] == name
        assert candidate_names(f"CAMPUS\\{local}", REALMS)[0] == name


@pytest.fixture
def log_in(opened: Callable[..., Directory]) -> Callable[..., str]:
    """Log in with alice's password and these settings. Returns the id."""

    def log_in_as(net_id: str, **settings: Any) -> str:
        directory = opened(uris=(f"embedded:{CAMPUS}",), **settings)
        return directory.find(net_id).verify("alice-password").id

    return log_in_as


@pytest.mark.parametrize("net_id", ["alice", "ALICE@Campus.Example", "campus\\Alice", "alice@campus "])
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_every_spelling_leads_to_one_id(
    log_in: Callable[..., str], net_id: str, template: str | None
) -> None:
    """With or without a realm, by search or by template, the id is the same."""
    assert log_in(net_id, realms=REALMS, user_dn_template=template) == ALICE


def test_mail_address_works_only_if_the_filter_has_it(
    opened: Callable[..., Directory], tmp_path: Path
) -> None:
    """Only a filter that searches addresses finds a mail address, whether its realm is listed or not."""
    ldif = tmp_path / "mail.ldif"
    ldif.write_bytes(CAMPUS.read_bytes().replace(b"mail: alice@", b"mail: alice.baker@"))
    address = "Alice.Baker@campus.example"
    for realms in ((), REALMS):
        found = opened(uris=(f"embedded:{ldif}",), realms=realms, user_filter=BY_MAIL)
        assert found.find(address).verify("alice-password").id == ALICE
        plain = opened(uris=(f"embedded:{ldif}",), realms=realms)
        with pytest.raises(InvalidCredentials) as caught:
            plain.find(address).verify("alice-password")
        assert caught.value.reason is Refusal.UNKNOWN_PERSON


@pytest.mark.parametrize("net_id", ["alice@else.example", "ELSEWHERE\\alice", "alice@campus.example.x"])
def test_name_of_another_realm_is_unknown(log_in: Callable[..., str], net_id: str) -> None:
    """A login name with a realm that is not listed is not alice."""
    with pytest.raises(InvalidCredentials) as caught:
        log_in(net_id, realms=REALMS)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON


def test_two_entries_for_one_login_name_are_ambiguous(
    opened: Callable[..., Directory], tmp_path: Path
) -> None:
    """If name and address match two entries, the login is refused."""
    ldif = tmp_path / "two.ldif"
    ldif.write_bytes(CAMPUS.read_bytes().replace(b"mail: bob@", b"mail: alice@"))
    directory = opened(uris=(f"embedded:{ldif}",), realms=REALMS, user_filter=BY_MAIL)
    with pytest.raises(InvalidCredentials) as caught:
        directory.find("alice@campus.example").verify("alice-password")
    assert caught.value.reason is Refusal.AMBIGUOUS
