"""Refused logins, for tests of commands that tell of them."""

from tests.conftest import Registered, Site

MINUTE = 60


def fail(site: Site, client: Registered, times: int = 1, **changes: str) -> None:
    """Refused logins, a minute apart."""
    for _ in range(times):
        assert site.ask_token(client, password="old", **changes).status_code in {400, 429}
        site.clock.now += MINUTE
