"""axe-core, which finds breaches of the Web Content Accessibility Guidelines in a page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.servers.npm import require_packages

# Every rule of WCAG 2.2, levels A and AA. axe-core names rules by the version that added them.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page) -> list[str]:
    """Return what axe-core finds in a page, one line for each rule with the elements that break it."""
    source = require_packages(Path(__file__).parent) / "axe-core" / "axe.min.js"
    # Playwright evaluates by the browser's debugger, to which the page's policy does not apply.
    page.evaluate(source.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", _RULES
    )
    assert found["passes"], "axe-core checked nothing"
    return [f"{each['id']}: {_elements(each)}" for each in found["violations"]]


def _elements(violation: dict[str, Any]) -> str:
    return "; ".join(f"{node['html']} ({node['failureSummary']})" for node in violation["nodes"])
