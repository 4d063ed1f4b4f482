"""Which app passwords may be made: the rules for client, user, label, lifetime, scope and networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from login import Person
from login.app_passwords import digest_of, is_app_password, new_app_password
from models import Client, PasswordGrantPolicy, Scope
from oauth.policy import app_password_rules as rules_of
from oauth.policy.app_password_rules import AppPasswordRefused, AppPasswordRules, AppPasswordWish
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import ScopeRules
from tests.conftest import NOON
from tests.fakes import ALICE

DAY = 86_400
WISH = AppPasswordWish("script", 30)
CLIENT = Client(
    client_id="library",
    client_name="Library",
    grant_types=("password", "refresh_token"),
    scope="profile email grades",
    created_at=NOON,
)


def never_known(client_id: str, subject: str, before: int) -> bool:
    """Nobody has used any client."""
    return False


def rules(**different: Any) -> AppPasswordRules:
    """The rules of a server, with some of them replaced."""
    usual: dict[str, Any] = {
        "max_days": 180,
        "can_read": True,
        "restrictions": Restrictions(refuse_members=("affiliation:guest",)),
        "scope_rules": lambda: ScopeRules([Scope("grades", needs=("affiliation:faculty",))]),
        "is_known": never_known,
    }
    return AppPasswordRules(**{**usual, **different})


def sentences(
    wish: AppPasswordWish = WISH,
    *,
    client: Client = CLIENT,
    person: Person = ALICE,
    by: AppPasswordRules | None = None,
) -> list[str]:
    """The sentences that refuse a wish; empty if the rules allow it."""
    try:
        (by or rules()).checked(client, person, wish, NOON)
    except AppPasswordRefused as refused:
        return list(refused.sentences)
    return []


def test_allowed_wish_becomes_an_app_password() -> None:
    """It has the user's stable id, all that client and user may have, and an end."""
    new = rules().checked(CLIENT, ALICE, WISH, NOON)
    stored = new.stored
    assert (stored.client_id, stored.subject, stored.net_id) == ("library", ALICE.id, "alice")
    assert (stored.label, stored.scope, tuple(stored.networks)) == ("script", "profile email", ())
    assert (stored.created_at, stored.expires_at) == (NOON, NOON + 30 * DAY)
    assert (stored.created_by, stored.password_changed_at) == (None, ALICE.password_changed_at)
    assert len(stored.id) == 16
    assert is_app_password(new.value)
    assert digest_of(new.value) == new.digest
    assert new.value not in repr(new)


def test_two_app_passwords_have_nothing_in_common() -> None:
    """Each has an id and a value of its own."""
    one, other = (rules().checked(CLIENT, ALICE, WISH, NOON) for _ in range(2))
    assert one.stored.id != other.stored.id
    assert one.value != other.value


def test_private_user_is_stored_without_a_name() -> None:
    """Only the stable id of a user who asked for privacy is stored."""
    assert rules().checked(CLIENT, replace(ALICE, private=True), WISH, NOON).stored.net_id is None


@pytest.mark.parametrize(
    "change",
    [
        {"grant_types": ("authorization_code",)},
        {"disabled_at": NOON},
        {"password_grant": PasswordGrantPolicy(app_passwords="off")},
        {"password_grant": PasswordGrantPolicy(off_at=NOON)},
    ],
    ids=["no password grant", "disabled", "app passwords off", "password grant off"],
)
def test_client_without_app_passwords_gets_none(change: Mapping[str, Any]) -> None:
    """A client without the grant, a disabled one, and one whose policy forbids them."""
    assert sentences(client=replace(CLIENT, **change)) == [rules_of.NOT_FOR_CLIENT]


@pytest.mark.parametrize(
    "policy",
    [
        PasswordGrantPolicy(app_passwords="only"),
        PasswordGrantPolicy(ends_at=NOON - 1),
        PasswordGrantPolicy(brown_outs=((NOON - 1, NOON + 1),)),
        PasswordGrantPolicy(off_at=NOON + 1),
    ],
    ids=["only", "ended", "brown-out", "off later"],
)
def test_client_closed_to_net_id_passwords_takes_app_passwords(policy: PasswordGrantPolicy) -> None:
    """App passwords are the way out where Net ID passwords are refused."""
    assert sentences(client=replace(CLIENT, password_grant=policy)) == []


def test_unknown_client_looks_like_one_without_app_passwords() -> None:
    """So nobody finds out which ids exist."""
    with pytest.raises(AppPasswordRefused) as refused:
        rules().refuse_pair(None, ALICE, NOON)
    assert refused.value.sentences == [rules_of.NOT_FOR_CLIENT]


def test_excluded_user_gets_none() -> None:
    """The rules of the server and of the client about people apply as at a login."""
    guest = replace(ALICE, affiliations=("guest",))
    staff_only = replace(CLIENT, restrictions={"allow_members": ("affiliation:staff",)})
    assert sentences(person=guest) == [rules_of.NOT_ALLOWED]
    assert sentences(client=staff_only) == [rules_of.NOT_ALLOWED]


def test_new_user_of_a_closed_client_gets_none() -> None:
    """A client that is closed to new people gives app passwords to those alone who used it before."""
    asked: list[tuple[str, str, int]] = []

    def known(client_id: str, subject: str, before: int) -> bool:
        asked.append((client_id, subject, before))
        return True

    closed = replace(CLIENT, password_grant=PasswordGrantPolicy(closed_to_new_people_at=NOON - DAY))
    assert sentences(client=closed) == [rules_of.CLOSED]
    assert sentences(client=closed, by=rules(is_known=known)) == []
    assert asked == [("library", ALICE.id, NOON - DAY)]


def test_server_without_a_search_account_makes_none() -> None:
    """Nothing could say whether the user is still active."""
    assert sentences(by=rules(can_read=False)) == [rules_of.NO_ACCOUNT]


@pytest.mark.parametrize("label", ["a", "script on my laptop", "Ä" * 100, "  spaces around  "])
def test_label_is_what_the_user_calls_it(label: str) -> None:
    """Up to 100 printable characters, without the spaces around."""
    assert rules().checked(CLIENT, ALICE, WISH._replace(label=label), NOON).stored.label == label.strip()


@pytest.mark.parametrize("label", ["", "   ", "x" * 101, "two\nlines", "\x1b[2J", "a\u202eb", "\0", "\ud800"])
def test_other_labels_are_refused(label: str) -> None:
    """Empty, too long, or with characters that a terminal obeys or does not show."""
    assert sentences(WISH._replace(label=label)) == [rules_of.LABEL % {"most": 100}]


@pytest.mark.parametrize("form", ["{}", "for me: {}", " {} "])
def test_label_is_no_app_password(form: str) -> None:
    """A value that was pasted into the wrong field is stored nowhere."""
    (sentence,) = sentences(WISH._replace(label=form.format(new_app_password())))
    assert sentence == rules_of.LABEL % {"most": 100}


@pytest.mark.parametrize(
    ("days", "is_allowed"), [(-1, False), (0, False), (1, True), (180, True), (181, False)]
)
def test_lifetime_is_bounded(days: int, is_allowed: bool) -> None:  # noqa: FBT001 - a case of the table
    """An end is mandatory, and no later than the setting says."""
    expected = [] if is_allowed else [rules_of.DAYS % {"most": 180}]
    assert sentences(WISH._replace(days=days)) == expected


def test_scope_is_part_of_what_client_and_user_may_have() -> None:
    """Nothing that is wished for is left out silently (RFC 6749, 3.3)."""
    assert rules().checked(CLIENT, ALICE, WISH._replace(scope="email"), NOON).stored.scope == "email"
    assert sentences(WISH._replace(scope="email groups")) == [rules_of.NOT_OF_CLIENT % {"scope": "'groups'"}]
    assert sentences(WISH._replace(scope="grades")) == [rules_of.NOT_OF_USER % {"scope": "'grades'"}]
    assert sentences(WISH._replace(scope=" ")) == [rules_of.NO_SCOPE]
    only_grades = replace(CLIENT, scope="grades")
    assert sentences(client=only_grades) == [rules_of.NOTHING_LEFT]


def test_client_without_scopes_gives_the_basic_one() -> None:
    """A client that is registered without a list has the scope `default`."""
    assert rules().checked(replace(CLIENT, scope=""), ALICE, WISH, NOON).stored.scope == "default"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_network_is_stored_in_one_form(typed: str, stored: str) -> None:
    """An address is a network of one; each network is stored once."""
    wish = WISH._replace(networks=(typed, stored))
    assert tuple(rules().checked(CLIENT, ALICE, wish, NOON).stored.networks) == (stored,)


@pytest.mark.parametrize(
    "network",
    ["", "here", "192.0.2.1/24", "192.0.2", "192.0.2.0/33", "fe80::1%eth0", "\0", "1", "\uff19.9.9.9"],
)
def test_what_is_no_network_is_refused(network: str) -> None:
    """One sentence says what a network looks like."""
    (sentence,) = sentences(WISH._replace(networks=(network,)))
    assert sentence == rules_of.NETWORK % {"network": repr(network)}


def test_network_outside_those_of_the_client_is_refused() -> None:
    """It could never be used."""
    campus = replace(CLIENT, restrictions={"networks": ("192.0.2.0/24",)})
    assert sentences(WISH._replace(networks=("192.0.2.7", "192.0.0.0/16")), client=campus) == []
    for outside in ("198.51.100.0/24", "2001:db8::/32"):
        wish = WISH._replace(networks=(outside,))
        assert sentences(wish, client=campus) == [rules_of.OUTSIDE % {"network": outside}]


def test_networks_are_bounded() -> None:
    """An app password has at most 20 of them."""
    few, many = ([f"192.0.2.{number}" for number in range(count)] for count in (20, 21))
    assert sentences(WISH._replace(networks=few)) == []
    assert sentences(WISH._replace(networks=many)) == [rules_of.MANY_NETWORKS % {"most": 20}]


def test_each_mistake_has_its_sentence_and_field() -> None:
    """A form shows all of them at once, each at its field."""
    wish = AppPasswordWish("", 0, "", ("here",))
    with pytest.raises(AppPasswordRefused) as refused:
        rules().checked(CLIENT, ALICE, wish, NOON)
    assert [each.field for each in refused.value.mistakes] == ["label", "days", "scope", "networks"]


def test_groups_are_wanted_where_a_rule_is_about_groups() -> None:
    """Rules of server, client and scopes: only then the directory searches for groups."""
    group = "group:cn=staff,ou=groups,dc=campus,dc=example"
    cases: Mapping[bool, Callable[[], AppPasswordRules]] = {
        False: rules,
        True: lambda: rules(scope_rules=lambda: ScopeRules([Scope("grades", needs=(group,))])),
    }
    assert {each: make().want_groups(CLIENT) for each, make in cases.items()} == {False: False, True: True}
    assert rules().want_groups(replace(CLIENT, restrictions={"refuse_members": (group,)}))
