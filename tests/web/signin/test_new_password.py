"""A user whose password has expired or must be changed, over OpenLDAP: the page, and what a client learns."""

from collections.abc import Callable, Iterator

import pytest
import trustme

import cli
from tests.conftest import Site
from tests.servers.netid import PROJECT
from tests.servers.slapd import SUFFIX, Slapd, SlapdSettings, require_slapd
from tests.web.signin.test_directories import ALL
from tests.web.signin.visitor import Visitor, page_of, register

pytestmark = pytest.mark.server

LINK = "https://password.campus.example/"
WRONG = "The Net ID or the password is wrong."
_FILES = ("directory/campus.ldif", "tests/directory/extra.ldif", "tests/directory/slapd.ldif")


@pytest.fixture(scope="module")
def ageing_slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A slapd with users whose password has expired, must be changed, or expires later."""
    require_slapd()
    ldif = b"\n".join((PROJECT / name).read_bytes() for name in _FILES)
    settings = SlapdSettings(more="include /etc/ldap/schema/nis.schema")
    server = Slapd(tmp_path_factory.mktemp("ageing") / "data", trustme.CA(), ldif, settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def campus_with(ageing_slapd: Slapd, make_site: Callable[..., Site]) -> Iterator[Callable[..., Site]]:
    """Connect a site to that slapd in one of the ways."""
    sites: list[Site] = []

    def connect(how: str) -> Site:
        settings = {
            "NETID_LDAP_URI": ageing_slapd.ldap,
            "NETID_LDAP_CA_FILE": str(ageing_slapd.ca_file),
            "NETID_LDAP_BIND_DN": f"cn=svc,ou=services,{SUFFIX}",
            "NETID_LDAP_BIND_PASSWORD": "svc-password",
            "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
            "NETID_PASSWORD_HELP_URI": LINK,
            "NETID_CAMPUS_NAME": "Example Campus",
        }
        sites.append(make_site(**{**settings, **ALL[how]}))
        return sites[-1]

    yield connect
    for site in sites:
        cli.services_of(site.app).directory.close()


@pytest.mark.parametrize("how", ALL)
@pytest.mark.parametrize("net_id", ["expired", "mustchange"])
def test_page_leads_to_a_new_password_only_after_the_right_one(
    campus_with: Callable[..., Site], how: str, net_id: str
) -> None:
    """The directory verified the password: the page has the campus's link, and nobody is signed in."""
    site = campus_with(how)
    visitor, client = Visitor(site), register(site)
    page = visitor.open(client)
    wrong = visitor.sign_in(page, net_id, "wrong")
    assert (wrong.status_code, LINK in wrong.text) == (400, False)
    assert WRONG in wrong.text
    right = visitor.sign_in(page, net_id, f"{net_id}-password")
    assert right.status_code == 403
    assert f'href="{LINK}"' in right.text
    assert "You need a new password" in page_of(right).title
    assert visitor.cookie() is None
    assert "sign-in" in page_of(visitor.open(client)).ids


def test_page_of_the_users_own_says_so_too(campus_with: Callable[..., Site]) -> None:
    """A sign-in for `/me` has no client, and its page leads back to the same flow."""
    site = campus_with("search")
    visitor = Visitor(site)
    page = visitor.follow(visitor.get("/me"))
    answer = visitor.sign_in(page, "expired", "expired-password")
    assert (answer.status_code, LINK in answer.text) == (403, True)
    assert page_of(page).actions[-1] in answer.text


def test_page_is_audited_as_a_refusal(campus_with: Callable[..., Site]) -> None:
    """The log has the directory's reason and no password."""
    site = campus_with("search")
    visitor = Visitor(site)
    visitor.sign_in(visitor.follow(visitor.get("/me")), "expired", "expired-password")
    line = next(each for each in site.log_lines() if each["event"] == "sign_in.refused")
    assert line["reason"] == "expired"
    assert "expired-password" not in site.log.getvalue()


@pytest.mark.parametrize("how", ALL)
def test_client_with_detailed_errors_learns_when_the_password_expires(
    campus_with: Callable[..., Site], how: str
) -> None:
    """Before it has expired by `password_expires_in`, after it by the reason; other clients learn neither."""
    site = campus_with(how)
    detailed, other = site.register("trusted", "--told-reasons"), site.register("other")
    typed = {"username": "warned", "password": "warned-password"}
    assert site.ask_token(detailed, **typed).get_json()["password_expires_in"] > 0
    assert "password_expires_in" not in site.ask_token(other, **typed).get_json()
    typed = {"username": "expired", "password": "expired-password"}
    assert site.ask_token(detailed, **typed).get_json()["reason"] == "expired"
    assert site.ask_token(other, **typed).get_json() == {
        "error": "invalid_grant",
        "error_description": WRONG,
    }
