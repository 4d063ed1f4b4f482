"""Signing in over OpenLDAP, in each way that an operator connects it: search, DN template, no account."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

import cli
from tests.conftest import Registered, Site
from tests.servers.policy import PolicySlapd
from tests.servers.slapd import SUFFIX
from tests.web.signin.visitor import ORIGIN, Visitor, page_of, parameters_of, register

pytestmark = pytest.mark.server

_TEMPLATE = f"uid={{username}},ou=people,{SUFFIX}"
_NO_ACCOUNT = {"NETID_LDAP_BIND_DN": "", "NETID_LDAP_BIND_PASSWORD": ""}
WITH_ACCOUNT = {"search": {}, "template and account": {"NETID_LDAP_USER_DN_TEMPLATE": _TEMPLATE}}
ALL = {**WITH_ACCOUNT, "template alone": {"NETID_LDAP_USER_DN_TEMPLATE": _TEMPLATE, **_NO_ACCOUNT}}
_DISABLED = "000001010000Z"


@dataclass(frozen=True)
class Campus:
    """A site over a slapd, a client and a browser there."""

    slapd: PolicySlapd
    site: Site
    client: Registered
    visitor: Visitor

    def sign_in(self, name: str = "alice", password: str = "alice-password") -> None:  # noqa: S107
        """Sign in and allow the request."""
        page = self.visitor.sign_in(self.visitor.open(self.client, prompt="login"), name, password)
        assert "code" in parameters_of(self.visitor.allow(page))

    def is_signed_in(self) -> bool:
        """Whether the next request needs no password."""
        return "code" in parameters_of(self.visitor.open(self.client, prompt="none"))


@pytest.fixture
def campus_with(policy_slapd: PolicySlapd, make_site: Callable[..., Site]) -> Iterator[Callable[..., Campus]]:
    """Connect a site to the slapd in one of the ways."""
    sites: list[Site] = []

    def connect(how: str, *options: str, **settings: str) -> Campus:
        site = make_site(**{**policy_slapd.settings, **ALL[how], **settings})
        sites.append(site)
        return Campus(policy_slapd, site, register(site, "Library", *options), Visitor(site))

    yield connect
    for site in sites:
        cli.services_of(site.app).directory.close()


@pytest.mark.parametrize("how", ALL)
def test_user_signs_in_and_stays_signed_in(campus_with: Callable[..., Campus], how: str) -> None:
    """Sign-in, consent and code; then a code without a page."""
    campus = campus_with(how)
    campus.sign_in()
    assert campus.is_signed_in()
    campus.site.clock.now += 600
    assert campus.is_signed_in()


@pytest.mark.parametrize("how", ALL)
def test_wrong_password_and_unknown_name_get_the_same_page(
    campus_with: Callable[..., Campus], how: str
) -> None:
    """And no session."""
    campus = campus_with(how)
    page = campus.visitor.open(campus.client)
    answers = [campus.visitor.sign_in(page, name, "wrong") for name in ("alice", "nobody")]
    assert {answer.status_code for answer in answers} == {400}
    # The token of the form has the second in it.
    texts = {page_of(answer).text for answer in answers}
    assert len(texts) == 1
    assert campus.visitor.cookie() is None


@pytest.mark.parametrize("how", WITH_ACCOUNT)
def test_new_password_ends_the_session(campus_with: Callable[..., Campus], how: str) -> None:
    """At the next time that the directory is asked."""
    campus = campus_with(how)
    campus.sign_in()
    campus.slapd.administrator.set_password("alice", "a new password")
    assert campus.is_signed_in()
    campus.site.clock.now += 300
    page = campus.visitor.open(campus.client)
    assert "sign-in" in page_of(page).ids
    assert "code" in parameters_of(campus.visitor.sign_in(page, "alice", "a new password"))


@pytest.mark.parametrize("how", WITH_ACCOUNT)
def test_disabled_account_ends_the_session(campus_with: Callable[..., Campus], how: str) -> None:
    """And cannot sign in again: the page says the same as for a wrong password."""
    campus = campus_with(how)
    campus.sign_in()
    campus.slapd.administrator.change(f"uid=alice,ou=people,{SUFFIX}", {"pwdAccountLockedTime": _DISABLED})
    campus.site.clock.now += 300
    page = campus.visitor.open(campus.client)
    assert "sign-in" in page_of(page).ids
    assert "is wrong" in page_of(campus.visitor.sign_in(page)).text


def test_session_without_a_service_account_ends_after_15_minutes(
    campus_with: Callable[..., Campus],
) -> None:
    """Nothing can be asked about the user without the password."""
    campus = campus_with("template alone")
    campus.sign_in()
    campus.site.clock.now += 899
    assert campus.is_signed_in()
    campus.site.clock.now += 1
    assert "sign-in" in page_of(campus.visitor.open(campus.client)).ids


@pytest.mark.parametrize("how", ALL)
def test_rule_about_groups_applies_to_a_session_that_began_without_groups(
    campus_with: Callable[..., Campus], how: str
) -> None:
    """The groups are read then; where only the user can read them, the user signs in again."""
    campus = campus_with(how)
    campus.sign_in("bob", "bob-password")
    group = f"group:cn=staff,ou=groups,{SUFFIX}"
    strict = register(campus.site, "Payroll", "--allow-member", group)
    answer = campus.visitor.open(strict)
    if how == "template alone":
        answer = campus.visitor.sign_in(answer, "bob", "bob-password")
    assert parameters_of(answer)["error"] == "access_denied"
    page = campus.visitor.sign_in(campus.visitor.open(strict, prompt="login"))
    assert "code" in parameters_of(campus.visitor.allow(page))


@pytest.mark.parametrize("how", ALL)
def test_directory_that_stops_is_503_and_signs_nobody_out(
    campus_with: Callable[..., Campus], how: str
) -> None:
    """The form of the sign-in page stays; a session is there again with the directory."""
    campus = campus_with(how)
    campus.sign_in()
    page = campus.visitor.open(campus.client, prompt="login")
    campus.slapd.server.stop()
    answer = campus.visitor.sign_in(page)
    assert answer.status_code == 503
    assert "is wrong" not in answer.text
    assert campus.is_signed_in()
    campus.site.clock.now += 300
    if how != "template alone":
        assert campus.visitor.open(campus.client).status_code == 503
    campus.slapd.server.start()
    assert campus.is_signed_in()


def test_page_that_needs_groups_leads_to_one_sign_in_and_back(campus_with: Callable[..., Campus]) -> None:
    """Where only users read their entries, a session without groups leads to the password, and to no loop."""
    campus = campus_with("template alone")
    campus.sign_in()
    page = campus.visitor.get("/device")
    for _ in range(5):
        if page.status_code == 303:
            page = campus.visitor.http.get(page.headers["Location"], base_url=ORIGIN)
    assert page.status_code == 200
    if "sign-in" in page_of(page).ids:
        page = campus.visitor.sign_in(page)
    assert page.status_code == 200
    assert "sign-in" not in page_of(page).ids
