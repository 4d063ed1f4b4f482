"""A site with a client for the code grant, and a browser."""

import pytest

from tests.conftest import Registered, Site
from tests.web.signin.visitor import Visitor, register


@pytest.fixture
def client(site: Site) -> Registered:
    """A client at `site`."""
    return register(site)


@pytest.fixture
def visitor(site: Site) -> Visitor:
    """A browser at `site`."""
    return Visitor(site)
