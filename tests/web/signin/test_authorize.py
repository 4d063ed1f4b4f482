"""The authorization endpoint as a browser sees it (RFC 6749, 3.1; OpenID Connect Core 1.0, 3.1.2)."""

import html
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.web.signin.visitor import (
    CALLBACK,
    ORIGIN,
    VERIFIER,
    Visitor,
    page_of,
    parameters_of,
    register,
    request_of,
)


def test_code_after_sign_in_and_consent_gives_a_token(
    site: Site, client: Registered, visitor: Visitor
) -> None:
    """The whole way of a program: sign-in page, consent page, code, token, userinfo (RFC 6749, 4.1)."""
    allowed = visitor.allow(visitor.sign_in(visitor.open(client)))
    answer = parameters_of(allowed)
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a state", "https://localhost:8443")
    token = exchanged(site, client, allowed)["access_token"]
    assert site.get("/oauth/userinfo", token).get_json()["name"] == "Alice Baker"


@pytest.mark.parametrize("path", ["/oauth/authorize", "/authorize"])
def test_both_paths_lead_to_the_sign_in_page(client: Registered, visitor: Visitor, path: str) -> None:
    """The short alias works the same."""
    answer = visitor.get(path, **request_of(client))
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    page = page_of(visitor.follow(answer))
    assert page.ids >= {"username", "password", "sign-in"}
    assert "Library" in page.text


def test_second_program_needs_no_second_sign_in(site: Site, client: Registered, visitor: Visitor) -> None:
    """The session is there, and the same client needs no second consent either."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    assert parameters_of(visitor.open(client)).keys() == {"code", "state", "iss"}
    other = register(site, "Mensa")
    page = visitor.open(other)
    assert "allow" in page_of(page).ids
    assert "Mensa" in page_of(page).text


def test_request_by_post_of_another_site_finds_the_session(client: Registered, visitor: Visitor) -> None:
    """Such a form brings no `Lax` cookie; the GET that follows does. Its URL has the handle alone."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    stranger = Visitor(visitor.site)
    posted = stranger.post("/oauth/authorize", request_of(client))
    assert posted.status_code == 303
    location = posted.headers["Location"]
    assert location.startswith("/signin?flow=")
    assert client.client_id not in location
    assert "code" in parameters_of(visitor.follow(posted))


def test_request_by_post_leads_to_the_sign_in_page(client: Registered, visitor: Visitor) -> None:
    """The way is the same as after a GET."""
    page = visitor.follow(visitor.post("/authorize", request_of(client)))
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(page)))


@pytest.mark.parametrize("method", ["get", "post"])
def test_prompt_login_is_satisfied_by_a_sign_in_after_the_request_alone(
    client: Registered, visitor: Visitor, method: str
) -> None:
    """Also within the same second, and also where another site's form brought the request."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    wanted = request_of(client, prompt="login")
    first = visitor.get("/authorize", **wanted) if method == "get" else visitor.post("/authorize", wanted)
    page = visitor.follow(first)
    assert "sign-in" in page_of(page).ids
    assert "sign in again" in page_of(page).text
    assert "code" in parameters_of(visitor.sign_in(page))


def test_handle_of_another_browser_does_not_replace_a_sign_in(client: Registered, visitor: Visitor) -> None:
    """Else a request with `prompt=login` from elsewhere would be answered by an old session."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    visitor.site.clock.now += 10
    elsewhere = Visitor(visitor.site).get("/authorize", **request_of(client, prompt="login"))
    assert "sign-in" in page_of(visitor.follow(elsewhere)).ids


def test_max_age_demands_a_sign_in_when_the_last_one_is_too_old(client: Registered, visitor: Visitor) -> None:
    """The user signed in 100 seconds ago."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    visitor.site.clock.now += 100
    assert "code" in parameters_of(visitor.open(client, max_age="100"))
    page = visitor.open(client, max_age="99")
    assert "sign-in" in page_of(page).ids
    assert "code" in parameters_of(visitor.sign_in(page))
    assert "sign-in" in page_of(visitor.open(client, max_age="0")).ids


def test_max_age_counts_the_fractions_of_a_second(client: Registered, visitor: Visitor) -> None:
    """With whole seconds, a `max_age` of 1 would last for nearly 2 (OpenID Connect Core 1.0, 3.1.2.1)."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    visitor.site.clock.now += 1.5
    assert "sign-in" in page_of(visitor.open(client, max_age="1")).ids
    assert "code" in parameters_of(visitor.open(client, max_age="2"))


def test_prompt_none_gets_errors_in_place_of_pages(site: Site, client: Registered, visitor: Visitor) -> None:
    """`login_required`, then `consent_required`, then the code (3.1.2.6)."""
    assert parameters_of(visitor.open(client, prompt="none"))["error"] == "login_required"
    page = visitor.sign_in(visitor.open(client))
    assert parameters_of(visitor.open(client, prompt="none"))["error"] == "consent_required"
    visitor.allow(page)
    assert "code" in parameters_of(visitor.open(client, prompt="none"))
    refused = parameters_of(visitor.open(client, prompt="none", scope="openid email"))
    assert (refused["error"], refused["state"]) == ("consent_required", "a state")
    assert refused["iss"] == "https://localhost:8443"


def test_prompt_consent_asks_again(client: Registered, visitor: Visitor) -> None:
    """A remembered consent is not enough."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    page = visitor.open(client, prompt="consent")
    assert "code" in parameters_of(visitor.allow(page))


def test_prompt_select_account_lets_the_user_choose(client: Registered, visitor: Visitor) -> None:
    """Either the account goes on, or another one signs in."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    page = visitor.open(client, prompt="select_account")
    assert page_of(page).ids >= {"continue", "sign-in"}
    assert "Continue as alice" in page_of(page).text
    assert "code" in parameters_of(visitor.send(page, form=0, account="current"))
    page = visitor.open(client, prompt="select_account")
    assert "allow" in page_of(visitor.sign_in(page, "carol", "carol-password")).ids


def test_login_hint_fills_in_the_user_name(client: Registered, visitor: Visitor) -> None:
    """It is a hint: the user may type another one."""
    assert page_of(visitor.open(client, login_hint="carol")).fields[-1]["username"] == "carol"


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_answer_comes_in_the_response_mode(client: Registered, visitor: Visitor, mode: str) -> None:
    """Code and errors alike (OAuth 2.0 Form Post Response Mode)."""
    page = visitor.sign_in(visitor.open(client, response_mode=mode))
    allowed = visitor.allow(page)
    assert allowed.status_code == (200 if mode == "form_post" else 303)
    assert "code" in parameters_of(allowed)
    denied = visitor.send(visitor.open(client, response_mode=mode, prompt="consent"), decision="deny")
    assert parameters_of(denied)["error"] == "access_denied"


def test_form_post_page_runs_one_script_of_ours_and_leads_to_the_client_alone(
    client: Registered, visitor: Visitor
) -> None:
    """Without scripts a button sends the form."""
    page = visitor.allow(visitor.sign_in(visitor.open(client, response_mode="form_post")))
    (policy,) = page.headers.getlist("Content-Security-Policy")
    assert "script-src 'self'; form-action https://app.example;" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert "continue" in page_of(page).ids


@pytest.mark.parametrize("step", ["sign-in", "allow"])
def test_page_lets_its_form_lead_to_us_and_to_the_client_alone(
    client: Registered, visitor: Visitor, step: str
) -> None:
    """Chromium applies `form-action` to the redirect after a form too (CSP Level 3, 6.4.2)."""
    page = visitor.open(client)
    if step == "allow":
        page = visitor.sign_in(page)
    assert step in page_of(page).ids
    (policy,) = page.headers.getlist("Content-Security-Policy")
    assert "form-action 'self' https://app.example;" in policy


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?x=1"},
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_error_before_the_redirect_uri_is_proven_is_no_redirect(
    client: Registered, visitor: Visitor, wrong: dict[str, str], accept: str
) -> None:
    """A page for a browser, JSON for a program (RFC 6749, 4.1.2.1). Nothing of the request is repeated."""
    visitor.http.environ_base["HTTP_ACCEPT"] = accept
    answer = visitor.get("/oauth/authorize", **request_of(client, **wrong))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.mimetype == accept
    assert all(value not in answer.text for value in wrong.values() if value)
    assert answer.request_id in answer.text if accept == "text/html" else True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": ""},
        {"request_uri": "urn:ietf:params:oauth:request_uri:unknown"},
        {"state": "s" * 20_000},
        {"client_id": ["one", "two"]},
        {"client_id": "nul\0"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_every_sentence_about_a_request_is_translated(
    client: Registered, visitor: Visitor, wrong: dict[str, str | list[str]]
) -> None:
    """The operator finds the English sentence in the log; the user reads another."""
    visitor.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    query = {**request_of(client), **wrong}
    answer = visitor.http.get("/oauth/authorize", query_string=query, base_url=ORIGIN)
    assert 400 <= answer.status_code < 500
    (shown,) = [line for line in visitor.site.log_lines() if line["event"] == "page.error"]
    assert shown["request_id"] in answer.text
    assert shown["sentence"] not in html.unescape(answer.text)


def test_error_after_the_redirect_uri_is_proven_goes_to_the_client(
    client: Registered, visitor: Visitor
) -> None:
    """With state and issuer."""
    answer = parameters_of(visitor.open(client, scope="openid admin"))
    assert answer["error"] == "invalid_scope"
    assert (answer["state"], answer["iss"]) == ("a state", "https://localhost:8443")


@pytest.mark.parametrize("locales", ["de", "fr-CA de en"])
def test_client_chooses_the_language_of_the_pages(client: Registered, visitor: Visitor, locales: str) -> None:
    """The first language that the pages have (`ui_locales`, 3.1.2.1), on each page of the flow."""
    page = visitor.open(client, ui_locales=locales)
    assert '<html lang="de">' in page.text
    assert '<html lang="de">' in visitor.sign_in(page).text


def test_pages_work_below_a_prefix(make_site: Callable[..., Site]) -> None:
    """Each redirect and each form keeps the path of the issuer."""
    site = make_site(NETID_ISSUER="https://localhost:8443/idp")
    visitor, client = Visitor(site), register(site)
    answer = visitor.get("/oauth/authorize", **request_of(client))
    assert answer.headers["Location"].startswith("/idp/signin?flow=")


def test_preview_of_a_link_uses_up_no_pushed_request(
    site: Site, client: Registered, visitor: Visitor
) -> None:
    """HEAD changes nothing (RFC 9110, 9.3.2): a pushed request can be used afterwards (RFC 9126, 4)."""
    pushed = site.post("/oauth/par", client, **request_of(client)).get_json()["request_uri"]
    link = {"client_id": client.client_id, "request_uri": pushed}
    assert visitor.http.head("/oauth/authorize", query_string=link, base_url=ORIGIN).status_code == 200
    assert visitor.get("/oauth/authorize", **link).status_code == 303


def exchanged(site: Site, client: Registered, answer: TestResponse) -> dict[str, str]:
    """The tokens for the code of an answer."""
    form = {"code": parameters_of(answer)["code"], "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    token = site.post("/oauth/token", client, grant_type="authorization_code", **form)
    assert token.status_code == 200, token.text
    tokens: dict[str, str] = token.get_json()
    return tokens


@pytest.mark.parametrize("by", ["id_token_hint", "claims"])
@pytest.mark.parametrize("options", [(), ("--pairwise-subject",)])
def test_another_user_than_the_client_expects_gets_no_code(
    site: Site, visitor: Visitor, by: str, options: tuple[str, ...]
) -> None:
    """The page asks once for the expected account; then the client gets `login_required` (3.1.2.1, 5.5.1)."""
    client = register(site, "Library", *options)
    token = exchanged(site, client, visitor.allow(visitor.sign_in(visitor.open(client))))["id_token"]
    sub = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))["sub"]
    hint = token if by == "id_token_hint" else json.dumps({"id_token": {"sub": {"value": sub}}})
    assert "code" in parameters_of(visitor.open(client, **{by: hint}))
    other = Visitor(site)
    other.allow(other.sign_in(other.open(client), "carol", "carol-password"))
    assert parameters_of(other.open(client, prompt="none", **{by: hint}))["error"] == "login_required"
    page = other.open(client, **{by: hint})
    assert "another account" in page_of(page).text
    assert parameters_of(other.sign_in(page, "carol", "carol-password"))["error"] == "login_required"
    page = other.open(client, **{by: hint})
    assert "code" in parameters_of(other.sign_in(page, "alice", "alice-password"))


@pytest.mark.parametrize("way", ["sign-in", "allow", "form_post"])
def test_form_may_lead_on_to_the_origins_that_the_operator_names(
    make_site: Callable[..., Site], way: str
) -> None:
    """Chromium applies `form-action` to a client's own redirects too; pages of ours name no origin."""
    site = make_site(NETID_CALLBACK_ORIGINS="https://a.example:8443 https://*.b.example")
    client, visitor = register(site), Visitor(site)
    page = visitor.open(client, response_mode="form_post" if way == "form_post" else "")
    if way != "sign-in":
        page = visitor.sign_in(page)
    if way == "form_post":
        page = visitor.allow(page)
    policy = page.headers["Content-Security-Policy"]
    assert " https://app.example https://a.example:8443 https://*.b.example; " in policy
    own = visitor.get("/signin") if way == "sign-in" else visitor.get("/me")
    assert "form-action 'self'; " in visitor.follow(own).headers["Content-Security-Policy"]
