"""Rules about who a person is."""

from dataclasses import replace

import pytest

from oauth.membership import is_rule, met, want_groups
from tests.fakes import ALICE

PAYROLL = "cn=payroll,ou=groups,dc=campus,dc=example"
MEMBER = replace(ALICE, groups=(PAYROLL,), affiliations=("staff",))


@pytest.mark.parametrize("rule", [f"group:{PAYROLL}", "group:CN=Payroll, OU=groups,dc=campus,dc=example"])
def test_a_group_is_compared_as_dns_are(rule: str) -> None:
    """Case and spaces around separators do not matter (RFC 4517, 4.2.15)."""
    assert met(MEMBER, [rule]) == rule


def test_an_affiliation_is_compared_without_regard_to_case() -> None:
    """The attribute eduPersonAffiliation is a caseIgnoreMatch attribute."""
    assert met(MEMBER, ["affiliation:Staff"]) == "affiliation:Staff"


@pytest.mark.parametrize("rule", ["group:cn=other,dc=x", "affiliation:student", "group:staff"])
def test_who_is_not_a_member_meets_no_rule(rule: str) -> None:
    """A rule means its own kind of membership alone."""
    assert met(MEMBER, [rule]) is None


@pytest.mark.parametrize("rule", ["", "group:", "affiliation: ", "role:staff", "staff", "group:a\nb"])
def test_what_is_no_rule_is_told(rule: str) -> None:
    """A slip must not become a rule that nobody meets."""
    assert not is_rule(rule)


def test_groups_are_wanted_only_by_rules_about_them() -> None:
    """A search for groups may cost the directory much."""
    assert want_groups([f"group:{PAYROLL}"])
    assert not want_groups(["affiliation:staff"])
