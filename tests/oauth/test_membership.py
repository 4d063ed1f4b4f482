"""Rules about groups and affiliations of a person."""

from dataclasses import replace

import pytest

from models import Registration
from oauth.clients.restriction_rules import restriction_mistakes
from oauth.policy.membership import is_rule, met, refused_by, want_groups
from settings.rules import members
from tests.fakes import ALICE

PAYROLL = "cn=payroll,ou=groups,dc=campus,dc=example"
MEMBER = replace(ALICE, groups=(PAYROLL,), affiliations=("staff",))


def restricted_to(text: str) -> Registration:
    """A client that only people who meet the rule may use."""
    return Registration(client_name="x", restrictions={"allow_members": (text,)})


@pytest.mark.parametrize(
    "text", [f"group:{PAYROLL}", f"group: {PAYROLL}", "affiliation:staff", "affiliation: staff "]
)
def test_settings_scopes_and_clients_accept_the_same_rules(text: str) -> None:
    """The syntax of a rule is declared once, so every place accepts the same rules."""
    assert is_rule(text)
    assert restriction_mistakes(restricted_to(text), "https://localhost:8443") == []
    assert members([text]) == (text.strip(),)


@pytest.mark.parametrize(
    "text", ["group:", "affiliation: ", "Group:cn=x", "role:staff", "staff", "affiliation:st\x7faff"]
)
def test_settings_scopes_and_clients_refuse_the_same_texts(text: str) -> None:
    """Every place refuses the same texts."""
    assert not is_rule(text)
    assert len(restriction_mistakes(restricted_to(text), "https://localhost:8443")) == 1
    with pytest.raises(ValueError, match="must be rules group:DN or affiliation:NAME"):
        members([text])


@pytest.mark.parametrize("rule", [f"group:{PAYROLL}", "group:CN=Payroll, OU=groups,dc=campus,dc=example"])
def test_a_group_is_compared_as_dns_are(rule: str) -> None:
    """Case and spaces around separators do not matter (RFC 4517, 4.2.15)."""
    assert met(MEMBER, [rule]) == rule


COMMA = "cn=admins\\, all,ou=groups,dc=campus,dc=example"


@pytest.mark.parametrize(
    "rule",
    [
        "group:cn=admins\\2C all,ou=groups,dc=campus,dc=example",
        "group:commonName=admins\\, all,ou=groups,dc=campus,dc=example",
        "group:2.5.4.3=ADMINS\\2c  all , OU=groups , DC=campus , DC=example",
        "group:cn=#0c0b61646d696e732c20616c6c,ou=groups,dc=campus,dc=example",
        'group:cn="admins, all",ou=groups,dc=campus,dc=example',
    ],
)
def test_a_group_is_found_in_any_spelling(rule: str) -> None:
    """Escapes, names of attribute types, BER and quotes are spellings of one DN (RFC 4514)."""
    assert is_rule(rule)
    assert met(replace(ALICE, groups=(COMMA,)), [rule]) == rule
    assert met(replace(ALICE, groups=(rule.removeprefix("group:"),)), [f"group:{COMMA}"])
    assert refused_by(replace(ALICE, groups=(PAYROLL,)), [rule]) is None


@pytest.mark.parametrize("group", ["admins", "cn=a\\xff,dc=x", "cn=a,,dc=x"])
def test_an_unreadable_group_is_refused_by_rules_about_groups(group: str) -> None:
    """A refusing rule matches a group that cannot be compared; a granting rule does not."""
    member = replace(ALICE, groups=(PAYROLL, group))
    assert refused_by(member, ["group:cn=other,dc=x"])
    assert refused_by(member, ["affiliation:other"]) is None
    assert refused_by(member, []) is None
    assert met(member, [f"group:{group}"]) is None
    assert met(member, [f"group:{PAYROLL}"]) is not None


def test_an_unreadable_rule_refuses_everybody() -> None:
    """An earlier release may have stored a rule that is no DN; it refuses everybody."""
    assert refused_by(MEMBER, ["group:payroll"])
    assert met(MEMBER, ["group:payroll"]) is None


def test_an_affiliation_is_compared_without_regard_to_case() -> None:
    """The attribute eduPersonAffiliation is a caseIgnoreMatch attribute."""
    assert met(MEMBER, ["affiliation:Staff"]) == "affiliation:Staff"


@pytest.mark.parametrize("rule", ["group:cn=other,dc=x", "affiliation:student", "group:staff"])
def test_person_who_is_no_member_meets_no_rule(rule: str) -> None:
    """A rule matches only its own kind of membership."""
    assert met(MEMBER, [rule]) is None


@pytest.mark.parametrize(
    "rule", ["", "group:", "affiliation: ", "role:staff", "staff", "group:a\nb", "group:staff", "group:cn=a,"]
)
def test_text_that_is_no_rule_is_refused(rule: str) -> None:
    """A mistyped rule is refused, because no person could meet it."""
    assert not is_rule(rule)


def test_only_rules_about_groups_need_groups() -> None:
    """Other rules cost no search for groups."""
    assert want_groups([f"group:{PAYROLL}"])
    assert not want_groups(["affiliation:staff"])


@pytest.mark.parametrize(
    "twin",
    ["cn=pay\u200broll", "cn=\uff50ayroll", "cn=p\u1d43yroll", "cn=p\u24d0yroll", "cn=pa\ufe0fyroll"],
)
def test_a_group_that_looks_like_another_is_granted_nothing(twin: str) -> None:
    """Some directories distinguish these names, so a new group must not pass for that of a rule."""
    member = replace(ALICE, groups=(f"{twin},ou=groups,dc=campus,dc=example",))
    assert met(member, [f"group:{PAYROLL}"]) is None
    assert refused_by(member, [f"group:{PAYROLL}"]) is not None


def test_refusing_rule_treats_a_capital_dotted_i_as_an_i() -> None:
    """OpenLDAP equates them, so that the group may be stored under either."""
    member = replace(ALICE, groups=("cn=\u0130dari,ou=groups,dc=x",))
    assert refused_by(member, ["group:cn=idari,ou=groups,dc=x"]) is not None
    assert met(member, ["group:cn=idari,ou=groups,dc=x"]) is None
    assert met(member, ["group:CN=\u0130dari,OU=groups,dc=x"]) is not None
    marked = replace(ALICE, groups=("cn=\u0130\u0327x,dc=x",))
    assert refused_by(marked, ["group:cn=i\u0327x,dc=x"]) is not None


def test_granting_rule_ignores_case_beyond_ascii() -> None:
    """Every directory compares these letters without case."""
    member = replace(ALICE, groups=("cn=Z\u00dcRICH,dc=x",))
    assert met(member, ["group:cn=Z\u00fcrich,dc=x"]) is not None
