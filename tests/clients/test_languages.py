"""Unmodified OAuth libraries of several languages, by their defaults, with the production server."""

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

from tests.clients.conftest import JWT_PROGRAM, PLAIN_SECRET, POST_PROGRAM, PROGRAM, Service
from tests.clients.languages import COSTLY, LOGINS, VERIFIERS, run

pytestmark = [pytest.mark.server, pytest.mark.slow]

# Clients that are registered for the secret in a header, and in the form (RFC 6749, 2.3.1).
CLIENTS = [PROGRAM, POST_PROGRAM]


def libraries(names: Iterable[str]) -> list[ParameterSet]:
    """Names as parameters, of which `make test` leaves the costly ones out."""
    return [pytest.param(name, marks=[pytest.mark.exhaustive] * (name in COSTLY)) for name in names]


@pytest.mark.parametrize("client_id", CLIENTS)
@pytest.mark.parametrize("library", libraries(LOGINS))
def test_library_logs_in_and_revokes(library: str, client_id: str, service: Service) -> None:
    """The token that the library got is inactive after the library revoked it (RFC 7009, 2.2)."""
    printed = run(LOGINS[library](), service, client_id, PLAIN_SECRET, "alice-password")
    assert list(printed) == ["token"]
    assert service.post("introspect", client_id, token=str(printed["token"])) == {"active": False}


@pytest.mark.parametrize("client_id", CLIENTS)
@pytest.mark.parametrize("library", libraries(LOGINS))
def test_library_reports_a_wrong_password(library: str, client_id: str, service: Service) -> None:
    """A wrong password is `invalid_grant` in every library, never `invalid_client` (RFC 6749, 5.2)."""
    printed = run(LOGINS[library](), service, client_id, PLAIN_SECRET, "a wrong password")
    assert printed == {"status": 400, "error": "invalid_grant"}


@pytest.mark.parametrize("client_id", CLIENTS)
@pytest.mark.parametrize("library", libraries(LOGINS))
def test_library_reports_an_outage(library: str, client_id: str, outage: Service) -> None:
    """While the directory is down, every library sees a 503, never `invalid_client` or `invalid_grant`."""
    printed = run(LOGINS[library](), outage, client_id, PLAIN_SECRET, "alice-password")
    assert printed == {"status": 503, "error": "temporarily_unavailable"}


@pytest.mark.parametrize("library", libraries(LOGINS))
def test_library_reports_a_wrong_secret(library: str, service: Service) -> None:
    """A wrong secret is `invalid_client` (RFC 6749, 5.2)."""
    printed = run(LOGINS[library](), service, PROGRAM, "a-wrong-secret", "alice-password")
    assert printed == {"status": 401, "error": "invalid_client"}


@pytest.mark.parametrize("library", libraries(VERIFIERS))
def test_openid_library_verifies_our_id_token(library: str, service: Service) -> None:
    """OpenID Connect Core, 3.1.3.7, with the keys that the library discovers by itself."""
    printed = run(VERIFIERS[library](), service, JWT_PROGRAM, PLAIN_SECRET, "alice-password")
    assert printed["sub"] == printed["userinfo"]
