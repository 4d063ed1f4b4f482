"""Takes a picture of every page: light, dark, on a phone and in the second language.

    python -m tests.browser.pictures docs/pages

The server is a walk-through of its own in a temporary folder, so that no picture shows anybody's data.
"""

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from cli.password_grant.report_page import report_page
from tests.admin.sample_report import sample_report
from tests.browser.chromium import PHONE, running_chromium
from tests.browser.conftest import started_service
from tests.browser.relying_party import RelyingParty, relying_party
from tests.browser.stops import STOPS
from tests.clients.conftest import Service

KINDS: Mapping[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "device_scale_factor": 1},
    "german": {"locale": "de-DE"},
}
_SIZE = {"width": 640, "height": 480}
# What differs from one run to the next, and what a picture shows in its place.
_STEADY = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8444"),
    (re.compile(r"localhost:\d+"), "localhost:8443"),
    (re.compile(r"nidp_[A-Za-z0-9_-]{49}"), "nidp_" + "example" * 7),
)


def take(browser: Browser, program: RelyingParty, service: Service, folder: Path) -> None:
    """Take every picture."""
    for name, way in STOPS.items():
        for kind, options in KINDS.items():
            given = {"viewport": _SIZE, "locale": "en-US", **options}
            with browser.new_context(base_url=service.url, ignore_https_errors=True, **given) as context:
                page = context.new_page()
                way(page, program, service)
                _steady(page)
                page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True, animations="disabled")


def take_report(browser: Browser, folder: Path) -> None:
    """Take a picture of the beginning of the HTML report on the password grant."""
    text = report_page(
        sample_report(second_name="Program 1"), issuer="https://netid.campus.example", campus="Campus"
    )
    with browser.new_context(viewport={"width": 1100, "height": 840}) as context:
        page = context.new_page()
        page.set_content(text)
        page.screenshot(path=folder / "password-grant-report.png")


def _steady(page: Page) -> None:
    for pattern, text in _STEADY:
        page.evaluate(
            """([pattern, text]) => {
                const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                while (walker.nextNode())
                    walker.currentNode.data = walker.currentNode.data.replace(new RegExp(pattern, 'g'), text);
            }""",
            [pattern.pattern, text],
        )


def main() -> None:
    """Start everything, and take the pictures."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as name,
        started_service(Path(name) / "instance") as service,
        relying_party(service) as program,
        running_chromium() as browser,
    ):
        take(browser, program, service, folder)
        take_report(browser, folder)


if __name__ == "__main__":
    main()
