"""A user signs in with a browser: the way of RFC 6749, 4.1, through the pages /signin and /consent."""

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.acts import answer, consent, sign_in, sign_in_to
from tests.browser.conftest import APP, OTHER_APP, PORTAL, SITE, NewContext, command
from tests.browser.relying_party import RelyingParty
from tests.clients.conftest import Service

pytestmark = pytest.mark.slow

COOKIE = "__Host-signin"


def me(service: Service, token: str) -> requests.Response:
    """Use an access token."""
    bearer = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{service.url}/api/me", headers=bearer, verify=str(service.ca), timeout=10)


def test_user_signs_in_and_the_program_gets_tokens(
    page: Page, program: RelyingParty, service: Service
) -> None:
    """Sign-in, consent, a code with `state` and `iss` (RFC 9207), tokens, and a resource."""
    page.goto(program.start(APP))
    sign_in(page, "alice")
    consent(page)
    brought = answer(page, program)
    assert (brought["state"], brought["iss"], set(brought)) == (
        "a-state",
        service.url,
        {"code", "state", "iss"},
    )
    tokens = program.exchange(APP, brought["code"]).json()
    assert "id_token" in tokens
    assert me(service, tokens["access_token"]).json()["net_id"] == "alice"


def test_code_works_once(page: Page, program: RelyingParty, service: Service) -> None:
    """The second use of a code is refused, and ends the token of the first (RFC 6749, 4.1.2)."""
    page.goto(program.start(APP))
    sign_in(page, "bob")
    consent(page)
    code = answer(page, program)["code"]
    token = program.exchange(APP, code).json()["access_token"]
    again = program.exchange(APP, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert me(service, token).status_code == 401


def test_user_who_denies_sends_an_error_to_the_program(page: Page, program: RelyingParty) -> None:
    """`access_denied` with the state (RFC 6749, 4.1.2.1). The next time the user is asked again."""
    page.goto(program.start(APP))
    sign_in(page, "carol")
    consent(page, "deny")
    brought = answer(page, program)
    assert (brought["error"], brought["state"], "code" in brought) == ("access_denied", "a-state", False)
    page.goto(program.start(APP))
    page.wait_for_url("**/consent?*")


def test_wrong_password_keeps_the_name_and_says_so(page: Page, program: RelyingParty) -> None:
    """The page shows the error with the form, keeps the name, and forgets the password. Then it works."""
    page.goto(program.start(PORTAL))
    sign_in(page, "david", "a wrong password")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("[name=username]")).to_have_value("david")
    expect(page.locator("[name=password]")).to_have_value("")
    sign_in(page, "david")
    assert "code" in answer(page, program)


def test_consent_and_session_are_remembered(page: Page, program: RelyingParty) -> None:
    """The same program asks nothing the next time; another program asks for consent alone."""
    page.goto(program.start(SITE))
    sign_in(page, "emma")
    consent(page)
    assert "code" in answer(page, program)
    page.goto(program.start(SITE))
    assert "code" in answer(page, program)
    page.goto(program.start(OTHER_APP))
    consent(page)
    assert "code" in answer(page, program)


def test_app_that_any_program_can_imitate_asks_each_time(page: Page, program: RelyingParty) -> None:
    """A public client on loopback cannot prove who it is: the user is asked each time (RFC 8252, 8.6)."""
    sign_in_to(page, program, APP, "frank")
    page.goto(program.start(APP))
    consent(page)
    assert "code" in answer(page, program)


def test_more_scope_asks_for_consent_again(page: Page, program: RelyingParty) -> None:
    """Consent is for what was shown, not for what is requested later."""
    page.goto(program.start(SITE))
    sign_in(page, "leo")
    consent(page)
    answer(page, program)
    page.goto(program.start(SITE, scope="openid profile email"))
    page.wait_for_url("**/consent?*")


def test_program_of_the_campus_asks_for_no_consent(page: Page, program: RelyingParty) -> None:
    """A client that is registered as first-party gets its code after the password."""
    page.goto(program.start(PORTAL))
    sign_in(page, "grace")
    assert "code" in answer(page, program)


def test_cookie_of_the_session_is_for_this_host_alone(page: Page, program: RelyingParty) -> None:
    """`__Host-`, Secure, HttpOnly, SameSite=Lax (RFC 6265bis, 4.1.3), and new at each sign-in."""

    def cookie() -> dict[str, object]:
        (found,) = (each for each in page.context.cookies() if each["name"] == COOKIE)
        return dict(found)

    page.goto(program.start(PORTAL))
    sign_in(page, "henry")
    answer(page, program)
    first = cookie()
    assert (first["secure"], first["httpOnly"], first["sameSite"], first["path"]) == (True, True, "Lax", "/")
    assert first["domain"] == "localhost"
    page.goto(program.start(PORTAL, prompt="login"))
    sign_in(page, "henry")
    answer(page, program)
    assert cookie()["value"] != first["value"]


def test_no_page_is_kept_by_the_browser(page: Page, program: RelyingParty) -> None:
    """The pages are `no-store`, and may not be framed (OWASP ASVS 5.0, V14.3 and V3.4)."""
    answered = page.goto(program.start(APP))
    assert answered is not None
    assert "no-store" in answered.headers["cache-control"]
    assert "frame-ancestors 'none'" in answered.headers["content-security-policy"]


def test_prompt_none_shows_no_page(page: Page, program: RelyingParty) -> None:
    """Without a session the program gets `login_required` (OpenID Connect Core 1.0, 3.1.2.6)."""
    page.goto(program.start(APP, prompt="none"))
    assert answer(page, program)["error"] == "login_required"


def test_form_post_brings_the_answer_without_a_click(page: Page, program: RelyingParty) -> None:
    """`response_mode=form_post`: a script of ours sends the form (OAuth 2.0 Form Post Response Mode, 2)."""
    page.goto(program.start(PORTAL, response_mode="form_post"))
    sign_in(page, "irene")
    assert "code" in answer(page, program)
    assert program.answers[-1].method == "POST"


def test_unknown_program_gets_no_redirect(page: Page, program: RelyingParty) -> None:
    """Before client and redirect URI are proven, an error is a page with a reference (RFC 6749, 4.1.2.1)."""
    before = len(program.answers)
    for url in (program.start("no-such-client"), program.start(APP, redirect_uri="https://a.example/")):
        answered = page.goto(url)
        assert answered is not None
        assert (answered.status, page.url.partition("?")[0]) == (400, url.partition("?")[0])
        expect(page.locator("main")).to_contain_text(answered.headers["x-request-id"])
    assert len(program.answers) == before


def test_session_that_an_operator_ends_is_over_at_once(
    page: Page, program: RelyingParty, service: Service
) -> None:
    """After `flask person logout` the user must sign in again."""
    page.goto(program.start(PORTAL))
    sign_in(page, "jack")
    answer(page, program)
    command(service, "person", "logout", "jack", "--yes")
    page.goto(program.start(PORTAL))
    page.wait_for_url("**/signin?*")


def test_two_users_share_no_session(new_context: NewContext, program: RelyingParty) -> None:
    """A second browser knows nothing of the first."""
    first, second = new_context().new_page(), new_context().new_page()
    first.goto(program.start(PORTAL))
    sign_in(first, "karen")
    answer(first, program)
    second.goto(program.start(PORTAL))
    second.wait_for_url("**/signin?*")
