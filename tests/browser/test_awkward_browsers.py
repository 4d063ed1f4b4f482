"""What users and browsers do that no drawing of the protocol shows."""

import sqlite3
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.acts import answer, consent, sign_in
from tests.browser.conftest import APP, DOOMED, OTHER_APP, PORTAL, NewContext, command
from tests.browser.relying_party import RelyingParty
from tests.clients.conftest import Service

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", ["/authorize", "/oauth/authorize"])
def test_post_from_another_site_finds_the_session(page: Page, program: RelyingParty, path: str) -> None:
    """The `Lax` cookie is not sent with a post from elsewhere. The redirect after it is a GET, and has it."""
    page.goto(program.start(PORTAL))
    sign_in(page, "alice")
    answer(page, program)
    before = len(program.answers)
    page.goto(program.page_that_posts(PORTAL, path))
    page.locator("#begin").click()
    assert "code" in answer(page, program)
    assert len(program.answers) == before + 1


def test_post_from_another_site_leads_to_the_sign_in_page(page: Page, program: RelyingParty) -> None:
    """Without a session the user signs in, and the request is still there."""
    page.goto(program.page_that_posts(PORTAL))
    page.locator("#begin").click()
    sign_in(page, "bob")
    assert answer(page, program)["state"] == "a-state"


def test_post_from_another_site_signs_nobody_in(page: Page, program: RelyingParty, service: Service) -> None:
    """Another site cannot send our forms: they carry a token that it does not know (RFC 9700, 4.7)."""
    attack = program.publish(
        "/attack",
        f'<form method="post" action="{service.url}/signin"><input name="username" value="alice">'
        '<input name="password" value="alice-password"><button id="begin">Go</button></form>',
    )
    page.goto(attack)
    page.locator("#begin").click()
    page.wait_for_url(f"{service.url}/**")
    assert "__Host-signin" not in {each["name"] for each in page.context.cookies()}


def test_browser_without_cookies_is_told_so(page: Page, program: RelyingParty) -> None:
    """A browser that keeps no cookie gets a sentence about cookies, and neither a code nor a loop."""
    page.route("**/*", _without_cookies)
    page.goto(program.start(PORTAL))
    sign_in(page, "carol")
    expect(page.locator("main")).to_contain_text("cookie")
    assert "code" not in page.url
    # A request that is still under way would fail in the next test.
    page.unroute_all(behavior="wait")


def _without_cookies(route: Route) -> None:
    fetched = route.fetch(max_redirects=0)
    # Playwright keeps the cookies of what it fetches.
    route.request.frame.page.context.clear_cookies()
    kept: list[Any] = [each for each in fetched.headers_array if each["name"].lower() != "set-cookie"]
    headers = {each["name"]: each["value"] for each in kept}
    route.fulfill(response=fetched, headers=headers)


def test_back_button_after_the_end_does_no_harm(page: Page, program: RelyingParty) -> None:
    """Going back and sending the form again ends at the program, or at a page that says what to do."""
    page.goto(program.start(PORTAL))
    sign_in(page, "david")
    answer(page, program)
    page.go_back()
    if page.locator("#sign-in").count():
        sign_in(page, "david")
    _ends_well(page, program)


def _ends_well(page: Page, program: RelyingParty) -> None:
    """The browser is back at the program, or sees a page of ours with a sentence and no server error."""
    page.wait_for_load_state()
    if not page.url.startswith(program.url):
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("body")).not_to_contain_text("Internal Server Error")


def test_back_button_from_consent_shows_no_password(page: Page, program: RelyingParty) -> None:
    """After the sign-in, the page before shows neither the password nor a stale error."""
    page.goto(program.start(APP, prompt="consent"))
    sign_in(page, "emma")
    page.wait_for_url("**/consent?*")
    page.go_back()
    page.wait_for_load_state()
    if page.locator("[name=password]").count():
        expect(page.locator("[name=password]")).to_have_value("")
    else:
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_two_tabs_sign_in_for_two_programs(new_context: NewContext, program: RelyingParty) -> None:
    """Two sign-ins of one browser do not mix: each program gets its own state."""
    context = new_context()
    first, second = context.new_page(), context.new_page()
    first.goto(program.start(APP, state="first", prompt="consent"))
    second.goto(program.start(OTHER_APP, state="second", prompt="consent"))
    sign_in(first, "frank")
    first.wait_for_url("**/consent?*")
    sign_in(second, "frank")
    second.wait_for_url("**/consent?*")
    expect(second.locator("main")).to_contain_text("Library app")
    consent(first)
    assert answer(first, program)["state"] == "first"
    consent(second)
    assert answer(second, program)["state"] == "second"


def test_button_that_is_pressed_twice_gives_one_answer(page: Page, program: RelyingParty) -> None:
    """A double click on a slow line sends the form twice. The browser still ends at the program."""
    page.goto(program.start(APP, prompt="consent"))
    sign_in(page, "grace")
    page.wait_for_url("**/consent?*")
    page.locator("#allow").dblclick(no_wait_after=True)
    brought = answer(page, program)
    assert program.exchange(APP, brought["code"]).status_code == 200


def test_request_that_has_expired_says_what_to_do(
    page: Page, program: RelyingParty, service: Service
) -> None:
    """A form whose request the server no longer has is answered by a page, not by an error without words."""
    page.goto(program.start(PORTAL))
    page.wait_for_url("**/signin?*")
    with sqlite3.connect(service.ca.parents[1] / "netid.sqlite3", timeout=10) as database:
        database.execute("DELETE FROM authorization_request")
    database.close()
    sign_in(page, "henry")
    page.wait_for_load_state()
    expect(page.locator("main")).to_contain_text("again")
    assert not page.url.startswith(program.url)


def test_client_that_is_disabled_meanwhile_gets_nothing(
    page: Page, program: RelyingParty, service: Service
) -> None:
    """An operator disables the client while the sign-in page is open: no code is issued."""
    page.goto(program.start(DOOMED))
    page.wait_for_url("**/signin?*")
    command(service, "client", "disable", DOOMED, "--yes")
    before = len(program.answers)
    sign_in(page, "irene")
    page.wait_for_load_state()
    if "/consent?" in page.url:  # a worker knows a client for two seconds without asking
        consent(page)
        page.wait_for_load_state()
    for each in program.answers[before:]:
        assert program.exchange(DOOMED, each.parameters.get("code", "")).status_code in {400, 401}


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_everything_works_without_scripts(new_context: NewContext, program: RelyingParty, mode: str) -> None:
    """With JavaScript off, a user signs in and consents. A form post needs one click more."""
    page = new_context(java_script_enabled=False).new_page()
    page.goto(program.start(APP, response_mode=mode, prompt="consent"))
    sign_in(page, "jack")
    consent(page)
    if mode == "form_post":
        page.locator("button[type=submit], button:not([type])").first.click()
    assert "code" in answer(page, program)
    assert program.answers[-1].method == ("POST" if mode == "form_post" else "GET")


def test_keyboard_alone_is_enough(page: Page, program: RelyingParty) -> None:
    """A user reaches every field and button by the tabulator key, and sees the focus (WCAG 2.2, 2.4.7)."""
    page.goto(program.start(APP, prompt="consent"))
    page.wait_for_url("**/signin?*")
    _tab_to(page, "[name=username]")
    page.keyboard.type("karen")
    _tab_to(page, "[name=password]")
    page.keyboard.type("karen-password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/consent?*")
    _tab_to(page, "#allow")
    outline = page.locator("#allow").evaluate(
        "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow"
    )
    assert outline != "nonenone"
    page.keyboard.press("Enter")
    assert "code" in answer(page, program)


def _tab_to(page: Page, selector: str) -> None:
    """Press the tabulator key until an element has the focus; fail if it never gets it."""
    for _ in range(30):
        if page.locator(selector).evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")
