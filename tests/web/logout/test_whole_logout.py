"""A whole life of a sign-in: code and tokens of a program, the logout, and the notice to the program."""

import threading
from collections.abc import Mapping

from joserfc import jwt
from joserfc.jwk import KeySet

from outgoing import Answer
from tests.conftest import Registered, Site
from tests.oauth.test_logout_notices import sender
from tests.web.signin.visitor import CALLBACK, VERIFIER, Visitor, parameters_of, register

AFTER = "https://app.example/signed-out"
BACKCHANNEL = "https://app.example/backchannel"


def claims(site: Site, token: str) -> dict[str, object]:
    """The claims of a JWT with a good signature."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    return dict(jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims)


def signed_in(site: Site, client: Registered, visitor: Visitor, **request: str) -> dict[str, str]:
    """The tokens of a program whose user signed in and allowed it."""
    answer = visitor.allow(visitor.sign_in(visitor.open(client, **request)))
    form = {"code": parameters_of(answer)["code"], "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    tokens: dict[str, str] = site.post(
        "/oauth/token", client, grant_type="authorization_code", **form
    ).get_json()
    return tokens


def is_active(site: Site, tokens: Mapping[str, str]) -> bool:
    """Whether the access token is good at a resource."""
    return site.get("/oauth/userinfo", tokens["access_token"]).status_code == 200


def test_program_signs_its_user_out(site: Site) -> None:
    """Sign-in, logout by the ID token, and the notice: token, grant and session end together."""
    options = ("--post-logout-redirect-uri", AFTER, "--backchannel-logout-uri", BACKCHANNEL)
    client, visitor = register(site, "Library", *options), Visitor(site)
    tokens = signed_in(site, client, visitor)
    assert is_active(site, tokens)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "s"}
    answer = visitor.follow(visitor.get("/oauth/logout", **query))
    assert answer.headers["Location"] == f"{AFTER}?state=s"
    assert not is_active(site, tokens)
    assert visitor.cookie() is None
    sent: list[str] = []

    def post(url: str, fields: Mapping[str, str]) -> Answer:
        assert url == BACKCHANNEL
        sent.append(fields["logout_token"])
        return Answer(200, b"", is_whole=True)

    assert sender(site, post).send_due() == 1
    known, told = claims(site, tokens["id_token"]), claims(site, sent[0])
    assert (told["sid"], told["sub"], told["aud"]) == (known["sid"], known["sub"], client.client_id)
    assert "sign-in" in visitor.open(client).text


def test_program_that_may_go_on_keeps_its_access(site: Site) -> None:
    """A grant with `offline_access` is for the time after the session (OpenID Connect Core 1.0, 11)."""
    client = register(site, "Mail", "--grant", "refresh_token", scope="openid profile offline_access")
    visitor = Visitor(site)
    tokens = signed_in(site, client, visitor, scope="openid profile offline_access", prompt="consent")
    visitor.send(visitor.get("/logout"))
    assert is_active(site, tokens)
    assert site.refresh(client, tokens["refresh_token"]).status_code == 200


def test_code_of_an_ended_session_gives_nothing(site: Site) -> None:
    """A user who signs out before the program exchanges its code has signed out of it too."""
    client, visitor = register(site), Visitor(site)
    answer = visitor.allow(visitor.sign_in(visitor.open(client)))
    visitor.send(visitor.get("/logout"))
    form = {"code": parameters_of(answer)["code"], "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    refused = site.post("/oauth/token", client, grant_type="authorization_code", **form)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")


def test_logout_twice_at_once_ends_once(site: Site) -> None:
    """Two clicks at the same time end the session once, and both are answered."""
    client, visitor = register(site, "Library", "--backchannel-logout-uri", BACKCHANNEL), Visitor(site)
    signed_in(site, client, visitor)
    page = visitor.get("/logout")
    # A client of Flask is for one thread.
    other = Visitor(site)
    other.http._cookies = dict(visitor.http._cookies or {})
    statuses: list[int] = []

    def click(each: Visitor) -> None:
        statuses.append(each.submit(page).status_code)

    threads = [threading.Thread(target=click, args=(each,)) for each in (visitor, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303, 303]
    assert sender(site, lambda _url, _fields: Answer(200, b"", is_whole=True)).send_due() == 1
