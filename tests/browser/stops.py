"""Every page of ours that a user can see, and how a browser gets there.

Owns: the way to each page. Must not know: what is tested or drawn there.
"""

from collections.abc import Callable, Mapping
from itertools import cycle

import requests
from playwright.sync_api import Page

from tests.browser.acts import answer, consent, sign_in
from tests.browser.conftest import APP, EXPIRED, PORTAL, SCRIPT, TV
from tests.browser.relying_party import RelyingParty
from tests.clients.conftest import Service

_FRESH = cycle(("maria", "nina", "oscar", "paula"))

Way = Callable[[Page, RelyingParty, Service], None]


def front(page: Page, program: RelyingParty, service: Service) -> None:
    """Open the front page."""
    page.goto("/")


def signin(page: Page, program: RelyingParty, service: Service) -> None:
    """Open the sign-in page for a program."""
    page.goto(program.start(APP))
    page.wait_for_url("**/signin?*")


def signin_refused(page: Page, program: RelyingParty, service: Service) -> None:
    """Send a wrong password."""
    signin(page, program, service)
    # A name that nobody has: no test's user is blocked by failures.
    sign_in(page, "nobody-of-ours", "a wrong password")
    page.get_by_role("alert").wait_for()


def new_password(page: Page, program: RelyingParty, service: Service) -> None:
    """Sign in with a password that has expired."""
    signin(page, program, service)
    sign_in(page, EXPIRED)
    page.locator("a[href='https://password.campus.example/']").wait_for()


def choose_account(page: Page, program: RelyingParty, service: Service) -> None:
    """Be asked with which account to go on."""
    page.goto(program.start(PORTAL))
    sign_in(page, "leo")
    answer(page, program)
    page.goto(program.start(PORTAL, prompt="select_account"))
    page.locator("#continue").wait_for()


def consent_page(page: Page, program: RelyingParty, service: Service) -> None:
    """Sign in, and see what a program wants."""
    page.goto(program.start(APP, scope="openid profile email offline_access", prompt="consent"))
    sign_in(page, "leo")
    page.wait_for_url("**/consent?*")


def form_post(page: Page, program: RelyingParty, service: Service) -> None:
    """See the page that brings an answer back by a form. Its script is held back, as JavaScript off does."""
    page.route("**/*.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.goto(program.start(PORTAL, response_mode="form_post"))
    sign_in(page, "leo")
    page.locator("form[action^='http://127.0.0.1']").wait_for()


def device(page: Page, program: RelyingParty, service: Service) -> None:
    """Sign in, and be asked for the code of a device."""
    page.goto("/device")
    sign_in(page, "leo")
    page.locator("[name=user_code]").wait_for()


def device_refused(page: Page, program: RelyingParty, service: Service) -> None:
    """Enter a code that no device has."""
    device(page, program, service)
    page.locator("[name=user_code]").fill("BBBB-BBBB")
    page.locator("#continue").click()
    page.get_by_role("alert").wait_for()


def device_confirm(page: Page, program: RelyingParty, service: Service) -> None:
    """Enter the code of a device, and see what it wants."""
    device(page, program, service)
    page.locator("[name=user_code]").fill(device_code(service)["user_code"])
    page.locator("#continue").click()
    page.locator("#allow").wait_for()


def device_allowed(page: Page, program: RelyingParty, service: Service) -> None:
    """Allow a device, and be sent back to it."""
    device_confirm(page, program, service)
    page.locator("#allow").click()
    page.locator("#allow").wait_for(state="detached")


def device_denied(page: Page, program: RelyingParty, service: Service) -> None:
    """Refuse a device."""
    device_confirm(page, program, service)
    page.locator("#deny").click()
    page.locator("#deny").wait_for(state="detached")


def me(page: Page, program: RelyingParty, service: Service) -> None:
    """Sign in to a program, and see it in the list of one's own programs and sessions."""
    page.goto(program.start(APP, prompt="consent"))
    sign_in(page, next(_FRESH))  # nobody with many sessions
    consent(page)
    program.exchange(APP, answer(page, program)["code"])
    _make_app_password(page)
    page.goto("/me")


def app_password_program(page: Page, program: RelyingParty, service: Service) -> None:
    """Be asked which program an app password is for, and name one that takes none."""
    page.goto("/me/app-passwords/new")
    sign_in(page, next(_FRESH))
    page.locator("[name=program]").fill("no-such-client")
    page.locator("#continue").click()
    page.get_by_role("alert").wait_for()


def app_password_new(page: Page, program: RelyingParty, service: Service) -> None:
    """See the form of an app password."""
    page.goto(f"/me/app-passwords/new?program={SCRIPT}")
    sign_in(page, next(_FRESH))
    page.locator("#make").wait_for()


def app_password_refused(page: Page, program: RelyingParty, service: Service) -> None:
    """Send the form of an app password with a mistake in each field."""
    app_password_new(page, program, service)
    page.locator("[name=days]").fill("never")
    page.locator("[name=networks]").fill("here")
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    page.locator("#make").click()
    page.get_by_role("alert").wait_for()


def app_password_made(page: Page, program: RelyingParty, service: Service) -> None:
    """Make an app password, and see it this once."""
    page.goto("/me")
    sign_in(page, next(_FRESH))
    page.wait_for_url("**/me")
    _make_app_password(page)


def _make_app_password(page: Page) -> None:
    page.goto(f"/me/app-passwords/new?program={SCRIPT}")
    page.locator("[name=label]").fill("Script on my laptop")
    page.locator("[name=networks]").fill("192.0.2.0/24 2001:db8::/32")
    page.locator("#make").click()
    page.locator("#app-password").wait_for()


def logout(page: Page, program: RelyingParty, service: Service) -> None:
    """Be asked whether to sign out."""
    page.goto(program.start(PORTAL))
    sign_in(page, "leo")
    answer(page, program)
    page.goto("/logout")
    page.locator("#logout").wait_for()


def signed_out(page: Page, program: RelyingParty, service: Service) -> None:
    """Sign out."""
    logout(page, program, service)
    page.locator("#logout").click()
    page.locator("#logout").wait_for(state="detached")


def unknown_program(page: Page, program: RelyingParty, service: Service) -> None:
    """Follow a link of a program that is not registered."""
    page.goto(program.start("no-such-client"))


def not_found(page: Page, program: RelyingParty, service: Service) -> None:
    """Open a page that does not exist."""
    page.goto("/no-such-page")


def device_code(service: Service) -> dict[str, str]:
    """Ask for a device code (RFC 8628, 3.1)."""
    asked = requests.post(
        f"{service.url}/oauth/device",
        data={"client_id": TV, "scope": "openid profile"},
        headers={"Accept": "application/json"},
        verify=str(service.ca),
        timeout=10,
    )
    assert asked.status_code == 200, asked.text
    return {name: str(value) for name, value in asked.json().items()}


STOPS: Mapping[str, Way] = {
    "front": front,
    "sign-in": signin,
    "sign-in-refused": signin_refused,
    "new-password": new_password,
    "choose-account": choose_account,
    "consent": consent_page,
    "form-post": form_post,
    "device": device,
    "device-refused": device_refused,
    "device-confirm": device_confirm,
    "device-allowed": device_allowed,
    "device-denied": device_denied,
    "me": me,
    "app-password-program": app_password_program,
    "app-password-new": app_password_new,
    "app-password-refused": app_password_refused,
    "app-password-made": app_password_made,
    "logout": logout,
    "signed-out": signed_out,
    "unknown-program": unknown_program,
    "not-found": not_found,
}
