"""Debian's Chromium, driven by Playwright.

Owns: starting the browser, and what a page may not do. Must not know: our pages.

Playwright keeps an event loop in the thread that started it, so that `asyncio.run` fails there. A browser
therefore ends with the module that used it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

# The narrowest phone of the WCAG 2.2 success criterion 1.4.10, which is also 1280 pixels at 400 % zoom.
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}


def require_chromium() -> str:
    """Return the path of Chromium. Without it the test is skipped; in CI it fails."""
    found = shutil.which("chromium")
    if found is None:
        reason = "chromium is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run a headless Chromium during the block."""
    # Chromium refuses its sandbox to root. The only pages that it opens here are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require_chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Faults:
    """What went wrong in the pages of a browser context: errors of scripts, and breaches of their policy.

    Chromium reports both on its console. It also reports answers of 400 and above there, which are no fault.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        """Listen to a context.

        Args:
            context: The context.
            origin: Of the site under test. A request of its pages to another origin is a fault, unless the
                browser goes there.
        """
        self._origin = origin
        self.seen: list[str] = []
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.seen.append(str(error.error)))
        context.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource:"):
            self.seen.append(message.text)

    def _on_request(self, request: Request) -> None:
        page = request.frame.page if not request.is_navigation_request() else None
        if page is not None and page.url.startswith(self._origin) and not _is_within(request, self._origin):
            self.seen.append(f"{page.url} loads {request.url}")


def _is_within(request: Request, origin: str) -> bool:
    return request.url.startswith((f"{origin}/", "data:"))


def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than its window: what a reader would scroll sideways."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    )
    return width
