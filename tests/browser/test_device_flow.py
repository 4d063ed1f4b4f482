"""A terminal and a phone: the device grant (RFC 8628), with the program of docs/programs/terminal.md."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.acts import sign_in
from tests.browser.chromium import PHONE
from tests.browser.conftest import TV, NewContext
from tests.browser.programs import PAGES, SITE, registered
from tests.browser.stops import device_code
from tests.clients.conftest import Service
from tests.clients.recipes import Recipe

pytestmark = pytest.mark.slow


@contextmanager
def terminal(service: Service, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run the program of the page during the block."""
    page = Recipe("terminal", PAGES)
    files = page.write(folder, service, {})
    environ = {**os.environ, **registered(page, service, SITE), "REQUESTS_CA_BUNDLE": str(service.ca)}
    with subprocess.Popen(
        [sys.executable, str(files["sign_in.py"])],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def printed_code(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return the page and the code that the program shows."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Open (\S+) and enter (\S+)\n", line)
    assert found, line
    return found[1], found[2]


def end(process: "subprocess.Popen[str]") -> str:
    """Wait for the end of the program, and return what it printed."""
    printed, _ = process.communicate(timeout=30)
    return printed


def enter(page: Page, url: str, code: str, net_id: str) -> None:
    """Open the page on a phone, sign in, and enter a code."""
    page.goto(url)
    sign_in(page, net_id)
    page.locator("[name=user_code]").fill(code)
    page.locator("#continue").click()


def poll(service: Service, code: str) -> requests.Response:
    """Ask for the token of a device code (RFC 8628, 3.4)."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": TV,
        "device_code": code,
    }
    return requests.post(service.token_url, data=form, verify=str(service.ca), timeout=10)


def test_terminal_and_phone_sign_in_together(
    new_context: NewContext, service: Service, tmp_path: Path
) -> None:
    """The terminal shows a code, the phone allows it, and the terminal knows the user."""
    phone = new_context(viewport=PHONE).new_page()
    with terminal(service, tmp_path) as process:
        url, code = printed_code(process)
        enter(phone, url, code, "frank")
        expect(phone.locator("main")).to_contain_text("Grades in the terminal")
        phone.locator("#allow").click()
        assert end(process) == "Hello, frank!\n"


def test_terminal_learns_of_a_refusal(new_context: NewContext, service: Service, tmp_path: Path) -> None:
    """A user who refuses on the phone ends the waiting of the terminal."""
    phone = new_context(viewport=PHONE).new_page()
    with terminal(service, tmp_path) as process:
        url, code = printed_code(process)
        enter(phone, url, code, "grace")
        phone.locator("#deny").click()
        assert "access_denied" in end(process)


def test_link_with_the_code_still_asks(page: Page, service: Service) -> None:
    """`verification_uri_complete` fills in the code. Only the user's button allows it (RFC 8628, 3.3.1)."""
    asked = device_code(service)
    page.goto(asked["verification_uri_complete"])
    sign_in(page, "henry")
    page.wait_for_url("**/device**")
    if page.locator("#continue").count():
        page.locator("#continue").click()
    expect(page.locator("#allow")).to_be_visible()
    assert poll(service, asked["device_code"]).json()["error"] == "authorization_pending"
    page.locator("#allow").click()
    page.locator("#allow").wait_for(state="detached")
    assert poll(service, asked["device_code"]).json().get("error") in {None, "slow_down"}


def test_code_is_read_as_people_type_it(page: Page, service: Service) -> None:
    """Small letters, spaces and a missing hyphen do not matter (RFC 8628, 6.1)."""
    asked = device_code(service)
    enter(page, "/device", asked["user_code"].lower().replace("-", " "), "irene")
    expect(page.locator("#allow")).to_be_visible()


def test_unknown_code_is_refused_with_a_sentence(page: Page) -> None:
    """A code that no device shows leads back to the form, with a sentence."""
    enter(page, "/device", "BBBB-BBBB", "jack")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("[name=user_code]")).to_be_visible()


def test_curl_line_of_the_walk_through_is_for_a_terminal(service: Service) -> None:
    """What curl prints can be read in a terminal: it ends with a line break, and names page and code."""
    line = ["curl", "--silent", "--cacert", str(service.ca), "-d", f"client_id={TV}"]
    printed = subprocess.run(
        [*line, f"{service.url}/oauth/device"], capture_output=True, text=True, check=True
    ).stdout
    assert printed.endswith("\n")
    assert f"{service.url}/device" in printed
