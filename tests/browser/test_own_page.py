"""The page /me: a user sees the programs and sessions, and ends them."""

import pytest
import requests
from playwright.sync_api import Error, Page

from tests.browser.acts import answer, consent, sign_in, sign_in_to
from tests.browser.conftest import APP, OTHER_APP, PORTAL, SCRIPT, NewContext
from tests.browser.relying_party import RelyingParty
from tests.clients.conftest import PLAIN_SECRET, Service

pytestmark = pytest.mark.slow

# No other test's browser says this, so that the session is found beside those of other tests.
PHONES_AGENT = "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"


def status(service: Service, token: str) -> int:
    """Use an access token, and return the status of the answer."""
    bearer = {"Authorization": f"Bearer {token}"}
    url = f"{service.url}/api/me"
    return requests.get(url, headers=bearer, verify=str(service.ca), timeout=10).status_code


def test_user_ends_a_program_and_its_token_is_refused(
    page: Page, program: RelyingParty, service: Service
) -> None:
    """The page lists the program by its name. After its end button its token answers 401."""
    token = sign_in_to(page, program, APP, "alice")["access_token"]
    other = sign_in_to_another(page, program)
    assert status(service, token) == 200
    page.goto("/me")
    entry = page.get_by_role("listitem").or_(page.get_by_role("row")).filter(has_text="Grade viewer")
    entry.get_by_role("button").click()
    page.wait_for_load_state()
    assert (status(service, token), status(service, other)) == (401, 200)


def sign_in_to_another(page: Page, program: RelyingParty) -> str:
    """Give a second program a token, in the session of the first."""
    page.goto(program.start(OTHER_APP))
    consent(page)
    token: str = program.exchange(OTHER_APP, answer(page, program)["code"]).json()["access_token"]
    return token


def test_page_asks_for_a_sign_in_and_comes_back(page: Page) -> None:
    """Without a session the page leads to the sign-in page, and from there back."""
    page.goto("/me")
    sign_in(page, "bob")
    page.wait_for_url("**/me")


def test_user_signs_out_everywhere(new_context: NewContext, program: RelyingParty, service: Service) -> None:
    """One button ends the session of every browser, and the tokens that hang on them."""
    here, elsewhere = new_context().new_page(), new_context().new_page()
    token = sign_in_to(elsewhere, program, APP, "carol")["access_token"]
    here.goto("/me")
    sign_in(here, "carol")
    here.wait_for_url("**/me")
    here.get_by_role("button", name="everywhere").click()
    here.wait_for_load_state()
    elsewhere.goto("/me")
    elsewhere.wait_for_url("**/signin?*")
    assert status(service, token) == 401


def test_user_ends_another_session(new_context: NewContext) -> None:
    """A user sees the session of a lost phone, and ends it. The own session stays."""
    here, phone = new_context().new_page(), new_context(user_agent=PHONES_AGENT).new_page()
    for each in (phone, here):
        each.goto("/me")
        sign_in(each, "david")
        each.wait_for_url("**/me")
    here.reload()
    lost = here.get_by_role("listitem").filter(has_text="Firefox on Android")
    lost.get_by_role("button", name="End sign-in").click()
    here.wait_for_load_state()
    phone.reload()
    phone.wait_for_url("**/signin?*")
    here.goto("/me")
    here.wait_for_url("**/me")


def test_user_signs_out_on_the_page(page: Page, program: RelyingParty) -> None:
    """/logout asks, and ends the session."""
    page.goto(program.start(PORTAL))
    sign_in(page, "emma")
    answer(page, program)
    page.goto("/logout")
    page.locator("#logout").click()
    page.wait_for_load_state()
    page.goto(program.start(PORTAL))
    page.wait_for_url("**/signin?*")


def token_of(service: Service, net_id: str, password: str) -> requests.Response:
    """Ask for a token as a script does."""
    return requests.post(
        f"{service.url}/oauth/token",
        data={
            "grant_type": "password",
            "username": net_id,
            "password": password,
            "client_id": SCRIPT,
            "client_secret": PLAIN_SECRET,
        },
        verify=str(service.ca),
        timeout=10,
    )


def test_user_makes_an_app_password_and_ends_it(page: Page, service: Service) -> None:
    """From the own page, with no script: it is copied whole by one click, works, and ends by its button."""
    page.goto("/me")
    sign_in(page, "frank")
    page.wait_for_url("**/me")
    page.locator("#new-app-password").click()
    page.locator("[name=program]").fill(SCRIPT)
    page.locator("#continue").click()
    page.get_by_label("Label").fill("Script on my laptop")
    page.get_by_label("See your email address").uncheck()
    page.locator("#make").click()
    shown = page.locator("#app-password")
    shown.click()
    copied = page.evaluate("window.getSelection().toString()").strip()
    assert copied == shown.inner_text()
    answer = token_of(service, "frank", copied)
    assert answer.status_code == 200, answer.text
    assert "email" not in answer.json()["scope"].split()
    page.locator("#done").click()
    entry = page.get_by_role("listitem").filter(has_text="Script on my laptop")
    entry.get_by_role("button", name="End app password").click()
    page.get_by_text("The app password was ended.").wait_for()
    assert status(service, answer.json()["access_token"]) == 401
    assert token_of(service, "frank", copied).status_code == 400


def test_going_back_does_not_show_an_app_password_again(page: Page) -> None:
    """The browser keeps no copy of the page that showed it, and asks before it sends the form again."""
    page.goto(f"/me/app-passwords/new?program={SCRIPT}")
    sign_in(page, "grace")
    page.get_by_label("Label").fill("Script")
    page.locator("#make").click()
    page.locator("#done").click()
    page.wait_for_url("**/me")
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()
