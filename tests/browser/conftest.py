"""The real application over HTTPS, over the embedded directory, and Chromium in front of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import DESK, Faults, running_chromium
from tests.clients.conftest import Service
from tests.servers.netid import serving

NewContext = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The server, as `make run` starts it."""
    instance = tmp_path_factory.mktemp("browser") / "instance"
    with serving(instance, "--walkthrough") as server:
        yield Service(f"https://localhost:{server.port}", instance / "tls" / "ca.pem")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, for the tests of one module."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def new_context(chromium: Browser, service: Service) -> Iterator[NewContext]:
    """Makes browser contexts, each with cookies of its own. A fault in any of their pages fails the test."""
    made: list[tuple[BrowserContext, Faults]] = []

    def make(**options: Any) -> BrowserContext:
        given = {"viewport": DESK, "locale": "en-US", **options}
        context = chromium.new_context(base_url=service.url, ignore_https_errors=True, **given)
        context.set_default_timeout(10_000)
        made.append((context, Faults(context, service.url)))
        return context

    yield make
    for context, _ in made:
        context.close()
    assert [fault for _, faults in made for fault in faults.seen] == []


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A page in a new context."""
    return new_context().new_page()
