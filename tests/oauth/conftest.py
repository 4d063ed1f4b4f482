"""A server over a directory that does as it is told."""

from collections.abc import Callable

import pytest

from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory


@pytest.fixture
def fake() -> FakeDirectory:
    """A directory that says yes, until a test tells it otherwise."""
    return FakeDirectory()


@pytest.fixture
def faked(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """An application over the fake directory."""
    return make_site(fake)


@pytest.fixture
def client(site: Site) -> Registered:
    """A confidential client with the password grant and two scopes, at `site`."""
    return site.register("a program", "--scope", "profile email")
