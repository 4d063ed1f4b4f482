"""A server over a fake directory, with clients."""

import pytest

from tests.conftest import Registered, Site


@pytest.fixture
def client(site: Site) -> Registered:
    """A confidential client with the password grant and two scopes, at `site`."""
    return site.register("a program", "--scope", "profile email")


@pytest.fixture
def refreshing(faked: Site) -> Registered:
    """A confidential client that may refresh, with two scopes, at `faked`."""
    return faked.register("a program", "--grant", "refresh_token", "--scope", "profile email")


@pytest.fixture
def public(faked: Site) -> Registered:
    """A public client that may refresh, at `faked`."""
    options = ("--auth-method", "none", "--allow-public-password", "--scope", "profile email")
    return faked.register("an app", "--grant", "refresh_token", *options)


@pytest.fixture
def resource_server(faked: Site) -> Registered:
    """A resource server for the scope `profile`, at `faked`."""
    return faked.register("an API", "--resource-server", "--scope", "profile", grant="client_credentials")
