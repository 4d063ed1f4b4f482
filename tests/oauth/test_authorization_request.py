"""What is read of an authorization request, and what is refused (RFC 6749, 4.1.1)."""

from urllib.parse import urlencode

import pytest

from oauth import AuthorizationAnswer, RedirectedError, UnsafeRequest
from tests.conftest import Registered, Site
from tests.oauth.authorizing import (
    CHALLENGE,
    ISSUER,
    REDIRECT_URI,
    authorization_of,
    parameters_of,
    read,
    refused_on_a_page,
    register,
    told,
)

EVIL = "https://evil.example/"


@pytest.fixture
def client(faked: Site) -> Registered:
    """A confidential client that signs its users in."""
    return register(faked)


def test_request_is_read(faked: Site, client: Registered) -> None:
    """Every parameter is read under its name."""
    sent = parameters_of(
        client,
        nonce="a nonce",
        prompt="login consent",
        max_age="60",
        ui_locales="de en",
        login_hint="alice",
        acr_values="a b",
        response_mode="form_post",
    )
    request = read(faked, sent)
    assert request.client.client_id == client.client_id
    assert (request.redirect_uri, request.scope, request.state) == (REDIRECT_URI, "openid profile", "a state")
    assert (request.nonce, request.max_age, request.login_hint) == ("a nonce", 60, "alice")
    assert request.prompt == {"login", "consent"}
    assert (tuple(request.ui_locales), tuple(request.acr_values)) == (("de", "en"), ("a", "b"))
    assert (request.response_mode, request.code_challenge) == ("form_post", CHALLENGE)
    assert request.is_openid


def test_post_is_read_like_get(faked: Site, client: Registered) -> None:
    """The endpoint takes a form too (RFC 6749, 3.1; OpenID Connect Core 1.0, 3.1.2.1)."""
    with faked.app.test_request_context(
        "/oauth/authorize", method="POST", data=parameters_of(client)
    ) as context:
        request = authorization_of(faked).read(context.request)
    assert request.scope == "openid profile"


def test_post_with_parameters_in_its_url_is_refused(faked: Site, client: Registered) -> None:
    """A form whose URL has parameters too could be read in two ways."""
    with (
        faked.app.test_request_context(
            "/oauth/authorize?state=other", method="POST", data=parameters_of(client)
        ) as context,
        pytest.raises(UnsafeRequest),
    ):
        authorization_of(faked).read(context.request)


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "nobody", "redirect_uri": EVIL},
        {"redirect_uri": EVIL},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?a=b"},
        {"redirect_uri": REDIRECT_URI.upper()},
        {"redirect_uri": "https://app.example/%63allback"},
        {"redirect_uri": "https://app.example@evil.example/callback"},
        {"redirect_uri": REDIRECT_URI + "#fragment"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": EVIL, "response_type": "nonsense"},
        {"redirect_uri": EVIL, "prompt": "none"},
    ],
)
def test_unproven_address_gets_no_redirect(
    faked: Site, client: Registered, changed: dict[str, str | None]
) -> None:
    """Before client and redirect URI are proven, an error is a page (RFC 6749, 4.1.2.1)."""
    refusal = refused_on_a_page(faked, parameters_of(client, **changed))
    assert refusal.status == 400
    assert "evil" not in refusal.description


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_repeated_client_or_address_gets_no_redirect(faked: Site, client: Registered, name: str) -> None:
    """Of two clients or two addresses none is proven, even if they are equal."""
    sent = [*parameters_of(client).items(), (name, parameters_of(client)[name])]
    refused_on_a_page(faked, sent)


def test_disabled_client_gets_no_redirect(faked: Site, client: Registered) -> None:
    """The server redirects no browser to a disabled client."""
    faked.run("client", "disable", client.client_id, "--yes")
    faked.clock.now += 10
    assert refused_on_a_page(faked, parameters_of(client)).error == "invalid_client"


@pytest.mark.parametrize(
    "query",
    [b"client_id=%FF", b"client_id=a%00b", b"&".join([b"a=b"] * 200), b"state=" + b"s" * 20_000],
    ids=["not UTF-8", "NUL", "too many", "too large"],
)
def test_unreadable_query_gets_no_redirect(faked: Site, query: bytes) -> None:
    """A query that cannot be read names nobody."""
    opened = faked.app.test_request_context("/oauth/authorize", query_string=query.decode())
    with opened as context, pytest.raises(UnsafeRequest):
        authorization_of(faked).read(context.request)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "code code"}, "unsupported_response_type"),
        ({"response_type": " code"}, "unsupported_response_type"),
        ({"response_type": 'a"é'}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "query.jwt"}, "invalid_request"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": 'open"id'}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"max_age": "9" * 11}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://app.example/request.jwt"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"claims": "["}, "invalid_request"),
        ({"claims": "[" * 2000}, "invalid_request"),
        ({"resource": "https://api.example"}, "invalid_target"),
        ({"id_token_hint": "e30.e30.e30"}, "invalid_request"),
        ({"nonce": "n" * 1025}, "invalid_request"),
        ({"state": "s" * 4097}, "invalid_request"),
        ({"login_hint": "a" * 256}, "invalid_request"),
    ],
)
def test_error_is_told_to_the_proven_client(
    faked: Site, client: Registered, changed: dict[str, str | None], error: str
) -> None:
    """After the proof every error goes to the client, with its state and our issuer (RFC 9207, 2)."""
    answer = told(faked, parameters_of(client, **changed))
    assert answer["error"] == error
    assert answer["iss"] == ISSUER
    assert answer["state"] == (changed.get("state") or "a state")
    assert answer["error_description"].isascii()


@pytest.mark.parametrize("name", ["scope", "response_type", "nonce", "prompt", "code_challenge"])
def test_repeated_parameter_is_told(faked: Site, client: Registered, name: str) -> None:
    """No parameter may stand there twice (RFC 6749, 3.1)."""
    sent = [*parameters_of(client, nonce="n", prompt="login").items(), (name, "again")]
    answer = told(faked, sent)
    assert (answer["error"], answer["state"]) == ("invalid_request", "a state")
    assert answer["error_description"] == f"The parameter {name} is given more than once."


def test_repeated_state_does_not_come_back(faked: Site, client: Registered) -> None:
    """Neither of two states is the client's."""
    answer = told(faked, [*parameters_of(client).items(), ("state", "another")])
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_form_post_tells_errors_too(faked: Site, client: Registered) -> None:
    """An error goes the way that the client asked for (OAuth 2.0 Form Post Response Mode, 2)."""
    with pytest.raises(RedirectedError) as refused:
        read(faked, parameters_of(client, response_mode="form_post", scope="admin"))
    assert refused.value.answer.response_mode == "form_post"


def test_unknown_mode_is_told_in_the_query(faked: Site, client: Registered) -> None:
    """Where the wanted mode is none of ours, the usual one tells of it."""
    with pytest.raises(RedirectedError) as refused:
        read(faked, parameters_of(client, response_mode="web_message"))
    assert refused.value.answer.response_mode == "query"


def test_form_post_needs_a_web_server(faked: Site) -> None:
    """A page cannot post to an app's private scheme."""
    app = register(faked, redirect_uri="edu.campus.app:/callback")
    sent = parameters_of(app, redirect_uri="edu.campus.app:/callback", response_mode="form_post")
    with pytest.raises(RedirectedError) as refused:
        read(faked, sent)
    assert refused.value.answer.response_mode == "query"
    assert refused.value.answer.url.startswith("edu.campus.app:/callback?error=invalid_request&")


def test_client_without_the_grant_is_refused(faked: Site) -> None:
    """A client signs users in only if it is registered for that."""
    other = faked.register("a program", "--redirect-uri", REDIRECT_URI, "--scope", "openid profile")
    assert told(faked, parameters_of(other))["error"] == "unauthorized_client"


def test_client_without_the_grant_is_sent_to_no_script(faked: Site) -> None:
    """A redirect URI that was registered for nothing is checked before anybody is sent there."""
    script = "javascript:alert(1)"
    other = faked.register("a program", "--redirect-uri", script, "--scope", "openid")
    refused_on_a_page(faked, parameters_of(other, redirect_uri=script))


def test_only_redirect_uri_may_be_omitted(faked: Site, client: Registered) -> None:
    """Without a redirect URI the only registered one counts (RFC 6749, 3.1.2.3)."""
    request = read(faked, parameters_of(client, redirect_uri=None, scope="profile"))
    assert request.redirect_uri == REDIRECT_URI
    assert request.given_redirect_uri is None


def test_openid_request_names_its_redirect_uri(faked: Site, client: Registered) -> None:
    """OpenID Connect requires it (Core 1.0, 3.1.2.1); without it nobody is redirected (RFC 6749, 4.1.2.1)."""
    for scope in ("openid profile", None):
        refused_on_a_page(faked, parameters_of(client, redirect_uri=None, scope=scope))


def test_one_of_two_redirect_uris_must_be_named(faked: Site) -> None:
    """Of two registered redirect URIs none is the default."""
    client = register(faked, "--redirect-uri", "https://app.example/other")
    refused_on_a_page(faked, parameters_of(client, redirect_uri=None, scope="profile"))


def test_resource_may_repeat(faked: Site) -> None:
    """The approved token may be for several APIs (RFC 8707, 2.1)."""
    apis = ("https://a.example", "https://b.example")
    client = register(faked, "--audience", apis[0], "--audience", apis[1])
    sent = [*parameters_of(client).items(), ("resource", apis[0]), ("resource", apis[1])]
    assert read(faked, sent).audience == " ".join(apis)


def test_unknown_parameters_are_ignored(faked: Site, client: Registered) -> None:
    """A server ignores what it does not know, even twice (RFC 6749, 3.1)."""
    sent = [
        *parameters_of(client).items(),
        ("foo", "1"),
        ("foo", "2"),
        ("hinted_sub", "bob"),
        ("pushed", "1"),
    ]
    request = read(faked, sent)
    assert request.hinted_sub is None
    assert not {"foo", "hinted_sub", "pushed"} & set(request.parameters)


def test_stored_request_is_checked_again(faked: Site, client: Registered) -> None:
    """A stored request is worth what its client is worth now."""
    request = read(faked, parameters_of(client, nonce="n"))
    with faked.app.test_request_context("/consent"):
        assert authorization_of(faked).restore(request.parameters, client.client_id) == request
        faked.run("client", "update", client.client_id, "--scope", "openid")
        with pytest.raises(RedirectedError) as refused:
            authorization_of(faked).restore(request.parameters, client.client_id)
    assert refused.value.error == "invalid_scope"


@pytest.mark.parametrize(
    ("options", "redirect_uri", "expected"),
    [
        ((), "http://127.0.0.1/cb", True),
        (("--public",), "https://app.example/callback", True),
        (("--public",), "http://127.0.0.1/cb", False),
        (("--public",), "edu.campus.app:/cb", False),
    ],
)
def test_app_of_the_machine_identifies_nobody(
    faked: Site,
    options: tuple[str, ...],
    redirect_uri: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """Any program of the machine may send an app's request, so consent is asked again (RFC 8252, 8.6)."""
    client = register(faked, *options, redirect_uri=redirect_uri)
    assert read(faked, parameters_of(client, redirect_uri=redirect_uri)).identifies_client is expected


def test_refusal_has_state_and_issuer(faked: Site, client: Registered) -> None:
    """What a page refuses is told like every error."""
    request = read(faked, parameters_of(client))
    answer = authorization_of(faked).refuse(request, "access_denied")
    told_by_url = {"error": "access_denied", "error_description": "The user refused."}
    whole = {**told_by_url, "state": "a state", "iss": ISSUER}
    assert answer == AuthorizationAnswer(REDIRECT_URI, whole, "query")
    assert answer.url == f"{REDIRECT_URI}?{urlencode(whole)}"


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://a.example/cb", "https://a.example/cb?code=1"),
        ("https://a.example/cb?x=y&x=z", "https://a.example/cb?x=y&x=z&code=1"),
        ("https://a.example/cb?", "https://a.example/cb?code=1"),
        ("edu.campus.app:/cb", "edu.campus.app:/cb?code=1"),
    ],
)
def test_answer_keeps_the_query_of_the_redirect_uri(uri: str, url: str) -> None:
    """The answer is added to the query of the redirect URI (RFC 6749, 3.1.2)."""
    assert AuthorizationAnswer(uri, {"code": "1"}, "query").url == url


def test_log_has_no_parameter(faked: Site, client: Registered) -> None:
    """A refusal is logged with its client and a constant reason, and without what was sent."""
    told(faked, parameters_of(client, scope="a-secret-scope", login_hint="alice", state="secret-state"))
    lines = faked.log_lines()
    assert [(each["event"], each["error"], each["client_id"]) for each in lines] == [
        ("request.refused", "invalid_scope", client.client_id)
    ]
    assert not any(word in faked.log.getvalue() for word in ("alice", "secret"))
