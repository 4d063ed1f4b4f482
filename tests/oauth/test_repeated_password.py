"""A program that repeats a request with the same wrong password costs its user one bind.

`golang.org/x/oauth2` sends the client's secret in the Basic header and, on any error, again in the form.
"""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from directory import InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.oauth.answers import INVALID_GRANT, OK, status_and_error

# The fingerprint that an entry has before the bind: it shows when its password changed, it does not, or the
# whole entry is hidden.
FINGERPRINTS = {"shown": b"changed in May", "not shown": b"", "hidden entry": None}
WITHOUT_SERVICE_ACCOUNT = {
    "NETID_LDAP_URI": "ldaps://ldap.campus.example",
    "NETID_LDAP_USER_DN_TEMPLATE": "uid={username},ou=people,dc=campus,dc=example",
}


@pytest.fixture(params=FINGERPRINTS)
def directory(request: pytest.FixtureRequest) -> FakeDirectory:
    """A directory that refuses every password as wrong."""
    fingerprint = FINGERPRINTS[request.param]
    account = None if fingerprint is None else FakeAccount(fingerprint=fingerprint)
    return FakeDirectory(InvalidCredentials(Refusal.WRONG_PASSWORD), account)


@pytest.fixture
def site(make_site: Callable[..., Site], directory: FakeDirectory) -> Site:
    """An application over this directory."""
    settings = {} if directory.account is not None else WITHOUT_SERVICE_ACCOUNT
    return make_site(directory, **settings)


def in_basic_and_form(site: Site, client: Registered, password: str) -> list[TestResponse]:
    """The answers to two logins, a second apart: the secret in the Basic header, then in the form."""
    form = {"grant_type": "password", "username": "alice", "password": password}
    in_form = {**form, "client_id": client.client_id, "client_secret": client.secret}
    first = site.http.post("/oauth/token", data=form, auth=client.basic)
    site.clock.now += 1
    return [first, site.http.post("/oauth/token", data=in_form)]


def test_wrong_password_with_basic_and_then_in_the_form_costs_one_bind(
    site: Site, directory: FakeDirectory
) -> None:
    """Both answers are `invalid_grant` (RFC 6749, section 5.2), and the directory was asked once."""
    answers = in_basic_and_form(site, site.register(), "wrong-password")
    assert [status_and_error(answer) for answer in answers] == [INVALID_GRANT] * 2
    assert directory.bound == [("alice", "wrong-password")]


def test_repeated_wrong_password_leaves_the_budget_to_the_right_one(
    site: Site, directory: FakeDirectory
) -> None:
    """Three such logins of one program leave another program of the user able to log in."""
    client, another = site.register(), site.register("another")
    for _ in range(3):
        in_basic_and_form(site, client, "wrong-password")
    directory.outcome = ALICE
    assert status_and_error(site.ask_token(another)) == OK
