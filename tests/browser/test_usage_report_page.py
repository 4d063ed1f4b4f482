"""The HTML report on the password grant, in Chromium: from a file, for a desk, a phone and a dark screen."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from cli.password_grant.plots import MAX_BARS
from cli.password_grant.report_page import report_page
from tests.admin.sample_report import HOSTILE, sample_report
from tests.browser.axe import violations
from tests.browser.chromium import DESK, PHONE, Faults, overflow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, as an operator would save it."""
    written = tmp_path_factory.mktemp("report") / "report.html"
    written.write_text(
        report_page(sample_report(), issuer="https://netid.campus.example", campus="Campus"), "utf-8"
    )
    return written


def opened(
    chromium: Browser, file: Path, size: dict[str, int], scheme: Literal["light", "dark"] = "light"
) -> tuple[Page, list[str], list[str]]:
    """Open the file: the page, what it asked for, and what the browser complained of."""
    context = chromium.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    faults = Faults(context, "file://")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return page, asked, faults.seen


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_page_fits_and_loads_nothing(chromium: Browser, file: Path, size: dict[str, int]) -> None:
    """The file is whole: it asks for nothing else, runs no script, and is nowhere wider than the window."""
    page, asked, faults = opened(chromium, file, size)
    assert asked == [file.as_uri()]
    assert faults == []
    assert overflow(page) == 0
    assert page.title() == "The way out of the password grant, 2027-01-15"
    assert page.get_by_text(HOSTILE, exact=True).first.is_visible()


@pytest.mark.parametrize(("size", "shown"), [(DESK, "desk"), (PHONE, "phone")], ids=["desk", "phone"])
def test_each_plot_is_drawn_for_the_screen(
    chromium: Browser, file: Path, size: dict[str, int], shown: str
) -> None:
    """Four plots are seen, each in the drawing for this width, with letters that can be read."""
    page, _, _ = opened(chromium, file, size)
    assert page.locator("figure svg:visible").count() == 4
    assert page.locator(f"figure .{shown} svg:visible").count() == 4
    for title in ("Decline so far", "Logins a week", "Clients by size", "Owners who have not reacted"):
        assert page.locator("figure", has_text=title).is_visible()
    # A plot is scaled to its frame. Letters of 12 pixels may shrink to 9.
    widths = page.locator("figure svg:visible").evaluate_all(
        "all => all.map(svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"
    )
    assert min(widths) > 0.75
    bars = page.locator("figure", has_text="Clients by size").locator("svg:visible .bar rect")
    assert bars.count() == MAX_BARS


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_page_is_accessible(
    chromium: Browser, file: Path, size: dict[str, int], scheme: Literal["light", "dark"]
) -> None:
    """Contrast, headings and labels satisfy WCAG 2.2, level AA."""
    page, _, _ = opened(chromium, file, size, scheme)
    assert violations(page) == []


def test_advice_leads_to_its_code(chromium: Browser, file: Path) -> None:
    """Each link of a row leads to the code of its way and language."""
    page, _, _ = opened(chromium, file, DESK)
    links = page.get_by_role("link", name="the code")
    assert links.count() > 10
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        assert page.locator(f"h3{target}").count() == 1
