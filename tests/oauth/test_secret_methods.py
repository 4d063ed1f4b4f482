"""A client's secret is accepted in a Basic header and in the form, at every endpoint (RFC 6749, 2.3.1)."""

import json
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from login import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import FakeAccount, FakeDirectory
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    OK,
    UNAVAILABLE,
    status_and_error,
)

METHODS = ("client_secret_basic", "client_secret_post")
ENDPOINTS = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")
PASSWORD = {"grant_type": "password", "username": "alice", "password": "alice-password", "token": "x"}


def register(site: Site, method: str, *options: str) -> Registered:
    """A client that is registered with a method, and may refresh."""
    return site.register("a program", "--auth-method", method, "--grant", "refresh_token", *options)


def send(site: Site, path: str, client: Registered, method: str, **form: str) -> TestResponse:
    """A request with the client's secret by one method."""
    if method == "client_secret_basic":
        return site.http.post(path, data=form, auth=client.basic)
    return site.http.post(path, data={**form, "client_id": client.client_id, "client_secret": client.secret})


@pytest.mark.parametrize("sent", METHODS)
@pytest.mark.parametrize("registered", METHODS)
class TestAccepted:
    """A client with a secret may use either method, whatever it is registered with."""

    @pytest.mark.parametrize("path", ENDPOINTS)
    def test_every_endpoint_accepts_the_secret(
        self, faked: Site, registered: str, sent: str, path: str
    ) -> None:
        """The token, revocation and introspection endpoints accept both methods."""
        assert status_and_error(send(faked, path, register(faked, registered), sent, **PASSWORD)) == OK

    def test_refresh_accepts_the_secret(self, faked: Site, registered: str, sent: str) -> None:
        """A login by one method can be refreshed by the other."""
        client = register(faked, registered)
        token = send(faked, "/oauth/token", client, registered, **PASSWORD).get_json()["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        assert status_and_error(send(faked, "/oauth/token", client, sent, **form)) == OK

    def test_revocation_ends_the_token(self, faked: Site, registered: str, sent: str) -> None:
        """Authlib's `revoke_token` ignores a 401, so that the token would stay valid (RFC 7009, 2.1)."""
        client = register(faked, registered)
        token = send(faked, "/oauth/token", client, registered, **PASSWORD).get_json()["access_token"]
        assert send(faked, "/oauth/introspect", client, sent, token=token).get_json()["active"] is True
        assert status_and_error(send(faked, "/oauth/revoke", client, sent, token=token)) == OK
        assert send(faked, "/oauth/introspect", client, sent, token=token).get_json() == {"active": False}

    def test_wrong_secret_is_refused(self, faked: Site, registered: str, sent: str) -> None:
        """A wrong secret is refused by both methods."""
        wrong = Registered(register(faked, registered).client_id, "wrong")
        assert [status_and_error(send(faked, path, wrong, sent, **PASSWORD)) for path in ENDPOINTS] == [
            INVALID_CLIENT
        ] * 3

    def test_registration_keeps_its_method(self, faked: Site, registered: str, sent: str) -> None:
        """A use of the other method changes nothing that is registered (RFC 7591, 2)."""
        client = register(faked, registered)
        assert status_and_error(send(faked, "/oauth/token", client, sent, **PASSWORD)) == OK
        shown = json.loads(faked.run("client", "show", client.client_id, "--json"))
        assert shown["token_endpoint_auth_method"] == registered


@pytest.mark.parametrize(("registered", "other"), [METHODS, METHODS[::-1]])
class TestStrict:
    """`--strict-auth-method`: only the registered method is accepted."""

    def test_other_method_is_refused_at_every_endpoint(
        self, faked: Site, registered: str, other: str
    ) -> None:
        """The right secret by the other method gets the answer to a wrong one; the log has the cause."""
        client = register(faked, registered, "--strict-auth-method")
        for path in ENDPOINTS:
            assert status_and_error(send(faked, path, client, registered, **PASSWORD)) == OK
            assert status_and_error(send(faked, path, client, other, **PASSWORD)) == INVALID_CLIENT
        assert faked.log_lines()[-1]["reason"] == f"not by the method {other}"

    def test_refresh_by_the_other_method_is_refused(self, faked: Site, registered: str, other: str) -> None:
        """A refused refresh uses no token up."""
        client = register(faked, registered, "--strict-auth-method")
        token = send(faked, "/oauth/token", client, registered, **PASSWORD).get_json()["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        assert status_and_error(send(faked, "/oauth/token", client, other, **form)) == INVALID_CLIENT
        assert status_and_error(send(faked, "/oauth/token", client, registered, **form)) == OK

    def test_flag_can_be_switched(self, faked: Site, registered: str, other: str) -> None:
        """An update switches the flag for an existing client."""
        client = register(faked, registered)
        for option, answer in (("--strict-auth-method", INVALID_CLIENT), ("--no-strict-auth-method", OK)):
            faked.run("client", "update", client.client_id, option)
            assert status_and_error(send(faked, "/oauth/token", client, other, **PASSWORD)) == answer


@pytest.mark.parametrize("registered", METHODS)
def test_both_methods_in_one_request_are_refused(faked: Site, registered: str) -> None:
    """A client may use one method in a request, whatever it is registered with (RFC 6749, 2.3)."""
    client = register(faked, registered)
    form = {**PASSWORD, "client_id": client.client_id, "client_secret": client.secret}
    for path in ENDPOINTS:
        assert status_and_error(faked.http.post(path, data=form, auth=client.basic)) == INVALID_REQUEST


@pytest.mark.parametrize("sent", METHODS)
def test_public_client_has_no_secret_to_send(faked: Site, public: Registered, sent: str) -> None:
    """A public client that sends a secret is refused by both methods (RFC 6749, 2.1)."""
    client = Registered(public.client_id, "a-secret")
    assert status_and_error(send(faked, "/oauth/token", client, sent, **PASSWORD)) == INVALID_CLIENT


def test_failures_of_both_methods_share_their_limits(make_site: Callable[..., Site]) -> None:
    """A guesser gains nothing by changing the method."""
    site = make_site(NETID_LIMIT_AUTHENTICATION_CLIENT="4/hour", NETID_LIMIT_AUTHENTICATION_ADDRESS="")
    wrong = Registered(register(site, METHODS[0]).client_id, "wrong")
    statuses = [send(site, "/oauth/token", wrong, sent, **PASSWORD).status_code for sent in METHODS * 3]
    assert statuses == [401] * 4 + [429] * 2


class TestAutoDetect:
    """golang.org/x/oauth2 sends Basic first, and repeats the request with the form after any error."""

    def test_wrong_password_is_bound_once(self, faked: Site, fake: FakeDirectory) -> None:
        """Both requests get `invalid_grant`, and the repetition costs the account no second bind."""
        client = register(faked, METHODS[0])
        fake.account, fake.outcome = FakeAccount(), InvalidCredentials(Refusal.WRONG_PASSWORD)
        for sent in METHODS:
            assert status_and_error(send(faked, "/oauth/token", client, sent, **PASSWORD)) == INVALID_GRANT
        assert fake.bound == [("alice", "alice-password")]

    def test_outage_is_503_both_times(self, faked: Site, fake: FakeDirectory) -> None:
        """The error of the second request, which the program reports, is the outage."""
        client = register(faked, METHODS[0])
        fake.outcome = DirectoryUnavailable("away")
        for sent in METHODS:
            assert status_and_error(send(faked, "/oauth/token", client, sent, **PASSWORD)) == UNAVAILABLE
