"""The user filter applies wherever a user is read. Subclassed for each kind of directory."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import Campus, refusal

# Filters that match alice alone, in each form that a refresh handles differently.
_ADDRESS = "(mail={{username}}@campus.example)"
FORMS = {
    "presence": "(&({name}={{username}})(mail=alice@campus.example))",
    "either": "(&(|({name}={{username}})(mail={{username}}))(mail=alice@campus.example))",
    "negation": "(&({name}={{username}})(!({name}=bob)))",
    "twice": f"(&({{name}}={{{{username}}}})(|{_ADDRESS}({{name}}=x{{{{username}}}}))(!({{name}}=bob)))",
    "not twice": f"(&({{name}}={{{{username}}}})(!({{name}}=b{{{{username}}}})){_ADDRESS}(!({{name}}=bob)))",
}


class FilterConformance:
    """A subclass provides a fixture `open_with(**settings)` that opens directories, and its `campus`."""

    campus: ClassVar[Campus] = Campus()

    @pytest.fixture
    def bob_id(self, open_with: Callable[..., Directory]) -> str:
        """The stable id of a user whom the filters exclude."""
        return open_with().find("bob").verify("bob-password").id

    @pytest.fixture(params=[False, True], ids=["search", "template"])
    def ways(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """The settings by which a login finds the user."""
        return {"user_dn_template": self.campus.template} if request.param else {}

    @pytest.mark.parametrize("form", FORMS)
    def test_refresh_refuses_a_person_outside_the_filter(
        self, open_with: Callable[..., Directory], bob_id: str, form: str, ways: dict[str, Any]
    ) -> None:
        """A user whom the filter does not match is refused at a refresh, as at a login."""
        user_filter = FORMS[form].format(name=self.campus.net_id_attribute)
        directory = open_with(user_filter=user_filter, **ways)
        assert refusal(directory, "bob", "bob-password") is Refusal.UNKNOWN_PERSON
        with pytest.raises(InvalidCredentials) as caught:
            directory.read(bob_id)
        assert caught.value.reason is Refusal.UNKNOWN_PERSON
        assert "NETID_LDAP_USER_FILTER" in caught.value.detail
        with pytest.raises(InvalidCredentials):
            directory.examine("bob")

    @pytest.mark.parametrize("form", FORMS)
    def test_refresh_finds_a_person_inside_the_filter(
        self, open_with: Callable[..., Directory], form: str, ways: dict[str, Any]
    ) -> None:
        """A user whom the filter matches at a login is found at a refresh."""
        user_filter = FORMS[form].format(name=self.campus.net_id_attribute)
        directory = open_with(user_filter=user_filter, **ways)
        person = directory.find("alice", groups=True).verify("alice-password")
        assert directory.read(self.campus.alice_id, groups=True) == person

    def test_filter_by_mail_alone_finds_the_person_again(self, open_with: Callable[..., Directory]) -> None:
        """The filter's login name need not be the net id."""
        directory = open_with(user_filter="(mail={username})")
        assert directory.find("alice@campus.example").verify("alice-password").net_id == "alice"
        assert directory.read(self.campus.alice_id).net_id == "alice"

    def test_stored_name_is_escaped_in_the_filter(self, open_with: Callable[..., Directory]) -> None:
        """A stored name is escaped when it is filled into the filter (RFC 4515, 3)."""
        name = self.campus.net_id_attribute
        directory = open_with(user_filter=f"(&({name}={{username}})(!({name}=x{{username}})))")
        person = directory.find(self.campus.odd_name).verify("weird-password")
        assert directory.read(person.id) == person

    def test_disabled_person_outside_the_filter_is_disabled(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """The entry's own refusal takes precedence over the filter: a disabled user's grant ends at once."""
        name = self.campus.net_id_attribute
        directory = open_with(id_attribute=name, user_filter=f"(&({name}={{username}})(!({name}=sam)))")
        with pytest.raises(InvalidCredentials) as caught:
            directory.read("sam")
        assert caught.value.reason is Refusal.DISABLED

    def test_template_without_account_never_calls_a_user_gone(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """With a template and no service account, a refresh that finds no user is an outage."""
        nobody = {"user_base": self.campus.people, "bind_dn": None, "bind_password": None}
        directory = open_with(user_dn_template=self.campus.template, **nobody)
        with pytest.raises(DirectoryUnavailable):
            directory.read("00000000-0000-4000-8000-00000000ffff")
