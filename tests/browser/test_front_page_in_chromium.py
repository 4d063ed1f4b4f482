"""The front page in a browser: it loads without a fault, fits a phone, and axe-core finds nothing."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.chromium import PHONE, Faults, overflow
from tests.browser.conftest import NewContext
from tests.clients.conftest import Service

pytestmark = pytest.mark.slow


def test_front_page_opens_over_https(page: Page) -> None:
    """The page is HTML for a browser, and breaks none of its own rules."""
    answer = page.goto("/")
    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_role("heading", level=1)).to_have_text("NetID OAuth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_front_page_breaks_no_accessibility_rule(new_context: NewContext, scheme: str) -> None:
    """axe-core finds no violation at WCAG 2.2 AA."""
    page = new_context(color_scheme=scheme).new_page()
    page.goto("/")
    assert violations(page) == []


def test_front_page_fits_a_phone(new_context: NewContext) -> None:
    """At 320 pixels nobody has to scroll sideways (WCAG 2.2, 1.4.10)."""
    page = new_context(viewport=PHONE).new_page()
    page.goto("/")
    assert overflow(page) == 0


def test_axe_finds_a_violation(page: Page) -> None:
    """A page with an image without a text alternative breaks a rule, so that the checks can fail."""
    page.goto("/")
    page.evaluate("document.body.append(new Image())")
    assert [each.partition(":")[0] for each in violations(page)] == ["image-alt"]


def test_overflow_is_seen(page: Page) -> None:
    """An element wider than the window counts, so that the checks can fail."""
    page.goto("/")
    page.evaluate("document.body.style.minWidth = '2000px'")
    assert overflow(page) > 0


def test_foreign_image_is_seen(chromium: Browser, service: Service) -> None:
    """A page that loads something from another site is a fault: its policy forbids it."""
    with chromium.new_context(base_url=service.url, ignore_https_errors=True) as context:
        faults = Faults(context, service.url)
        page = context.new_page()
        page.goto("/")
        assert faults.seen == []
        with page.expect_console_message():
            page.evaluate(
                "document.body.append(Object.assign(new Image(), {src: 'https://a.example/x.png'}))"
            )
        assert faults.seen
