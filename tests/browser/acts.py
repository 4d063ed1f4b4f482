"""What a user does on our pages, by the names that automated browsers rely on."""

from collections.abc import Mapping

from playwright.sync_api import Page, expect

from tests.browser.relying_party import RelyingParty


def sign_in(page: Page, net_id: str, password: str | None = None) -> None:
    """Fill and send the form of the sign-in page."""
    page.wait_for_url("**/signin?*")
    page.locator("[name=username]").fill(net_id)
    page.locator("[name=password]").fill(f"{net_id}-password" if password is None else password)
    page.locator("#sign-in").click()


def consent(page: Page, button: str = "allow") -> None:
    """Press a button of the consent page: `allow` or `deny`."""
    page.wait_for_url("**/consent?*")
    page.locator(f"#{button}").click()


def answer(page: Page, program: RelyingParty) -> Mapping[str, str]:
    """Wait until the browser is back at the program, and return the newest answer that it brought."""
    page.wait_for_url(f"{program.redirect_uri}**")
    expect(page.get_by_role("heading", name="Back at the program")).to_be_visible()
    return program.answers[-1].parameters


def sign_in_to(page: Page, program: RelyingParty, client_id: str, net_id: str) -> Mapping[str, str]:
    """Sign a user in to a client for the first time, with consent, and return the tokens."""
    page.goto(program.start(client_id))
    sign_in(page, net_id)
    consent(page)
    tokens: Mapping[str, str] = program.exchange(client_id, answer(page, program)["code"]).json()
    return tokens
