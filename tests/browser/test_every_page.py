"""What holds of every page: WCAG 2.2 AA, a narrow phone, 400 % zoom, dark mode and the second language."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import PHONE, overflow
from tests.browser.conftest import NewContext
from tests.browser.relying_party import RelyingParty
from tests.browser.stops import STOPS
from tests.clients.conftest import Service

pytestmark = pytest.mark.slow

# Each stands for pages of its kind in `make test`: a form, a choice, a list, an error.
REPRESENTATIVE = {
    "sign-in-refused",
    "consent",
    "device-confirm",
    "me",
    "app-password-refused",
    "unknown-program",
}
PAGES = [pytest.param(name, marks=[pytest.mark.exhaustive] * (name not in REPRESENTATIVE)) for name in STOPS]
# 1280 by 1024 pixels at 400 % zoom (WCAG 2.2, 1.4.10).
ZOOMED = {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4}


def at(stop: str, page: Page, program: RelyingParty, service: Service) -> Page:
    """Bring a browser to a page."""
    STOPS[stop](page, program, service)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("stop", PAGES)
def test_page_breaks_no_accessibility_rule(
    stop: str, scheme: str, new_context: NewContext, program: RelyingParty, service: Service
) -> None:
    """axe-core finds no violation at WCAG 2.2 AA, in light and dark."""
    page = at(stop, new_context(color_scheme=scheme).new_page(), program, service)
    assert violations(page) == []


@pytest.mark.parametrize("stop", PAGES)
def test_page_is_dark_in_dark_mode(
    stop: str, new_context: NewContext, program: RelyingParty, service: Service
) -> None:
    """The background is dark if the user's system is."""
    page = at(stop, new_context(color_scheme="dark").new_page(), program, service)
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", color)[:3])) < 96


@pytest.mark.parametrize("options", [{"viewport": PHONE}, ZOOMED], ids=["phone", "zoomed"])
@pytest.mark.parametrize("stop", PAGES)
def test_page_fits_a_narrow_window(
    stop: str,
    options: dict[str, object],
    new_context: NewContext,
    program: RelyingParty,
    service: Service,
) -> None:
    """At 320 pixels nobody scrolls sideways, and nothing is cut off (WCAG 2.2, 1.4.10)."""
    page = at(stop, new_context(**options).new_page(), program, service)
    assert overflow(page) == 0
    for button in page.locator("main button, main a").all():
        box = button.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 320)


@pytest.mark.parametrize("stop", PAGES)
def test_page_speaks_german(
    stop: str, new_context: NewContext, program: RelyingParty, service: Service
) -> None:
    """A German browser gets German, and the page says so (WCAG 2.2, 3.1.1)."""
    page = at(stop, new_context(locale="de-DE").new_page(), program, service)
    assert page.locator("html").get_attribute("lang") == "de"


@pytest.mark.parametrize("stop", PAGES)
def test_text_can_be_twice_as_wide(
    stop: str, new_context: NewContext, program: RelyingParty, service: Service
) -> None:
    """With the reader's own spacing no text is lost (WCAG 2.2, 1.4.12)."""
    page = at(stop, new_context(viewport=PHONE, bypass_csp=True).new_page(), program, service)
    page.add_style_tag(
        content="* {line-height: 1.5 !important; letter-spacing: .12em !important;"
        " word-spacing: .16em !important} p {margin-bottom: 2em !important}"
    )
    assert overflow(page) == 0
