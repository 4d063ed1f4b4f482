"""A device, and a browser at the page `/device`."""

import pytest
from flask.testing import FlaskClient

from tests.answers import client_of
from tests.conftest import Site
from tests.device_page.phone import Phone, sign_in
from tests.oauth.devices import Device, register_device


@pytest.fixture
def browser(faked: Site) -> FlaskClient:
    """A browser without a session."""
    client = client_of(faked.app)
    client.environ_base.update({"HTTP_ACCEPT": "text/html,*/*;q=0.8", "REMOTE_ADDR": "203.0.113.9"})
    return client


@pytest.fixture
def phone(faked: Site, browser: FlaskClient) -> Phone:
    """A browser in which alice is signed in."""
    sign_in(faked, browser)
    return Phone(browser)


@pytest.fixture
def device(faked: Site) -> Device:
    """A device with its codes."""
    return Device.start(faked, register_device(faked))
