"""What the JWTs of an app password say: of no login, and nothing beyond its end."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.oauth.app_passwords import make_app_password

END = NOON + 120


@pytest.fixture
def portal(faked: Site) -> Registered:
    """A client with JWT access tokens and ID tokens."""
    options = ("--access-token-format", "ES256", "--id-token", "--scope", "openid profile")
    return faked.register("a portal", "--grant", "refresh_token", *options)


def said(site: Site, token: str) -> dict[str, Any]:
    """The claims of a JWT that joserfc accepts with the served keys."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    claims: dict[str, Any] = jwt.decode(token, keys, algorithms=["ES256"]).claims
    return claims


def test_no_login_is_claimed(faked: Site, portal: Registered) -> None:
    """A script sent it, so neither token says when and how a user logged in (OpenID Connect Core 1.0, 2)."""
    value = make_app_password(faked, portal, expires_at=END)
    issued = faked.ask_token(portal, password=value).get_json()
    faked.clock.now += 20
    refreshed = faked.refresh(portal, issued["refresh_token"]).get_json()
    for body in (issued, refreshed):
        access, identity = said(faked, body["access_token"]), said(faked, body["id_token"])
        assert (access["sub"], identity["sub"]) == (ALICE.id, ALICE.id)
        assert (access["exp"], identity["exp"]) == (END, END)
        for claims in (access, identity):
            assert {"auth_time", "amr", "acr", "sid"}.isdisjoint(claims)


def test_login_is_claimed_with_the_net_id_password(faked: Site, portal: Registered) -> None:
    """With the Net ID password both tokens say it, so that its absence means something."""
    body = faked.ask_token(portal).get_json()
    assert said(faked, body["access_token"])["auth_time"] == NOON
    assert said(faked, body["id_token"])["amr"] == ["pwd"]
