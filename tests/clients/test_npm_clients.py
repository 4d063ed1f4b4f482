"""Client libraries from npm, with the production server."""

import subprocess
from collections.abc import Callable

import pytest

from tests.clients.conftest import AUDIENCE, JWT_PROGRAM, ODD_PROGRAM, ODD_SECRET, PLAIN_SECRET, Service

pytestmark = pytest.mark.server

Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("script", ["simple-oauth2.js", "openid-client.js", "oauth4webapi.js"])
def test_npm_client_completes_every_flow(node: Node, service: Service, script: str) -> None:
    """Every flow of the library succeeds with a secret of special characters."""
    done = node(script, service, ODD_PROGRAM, ODD_SECRET)
    assert done.returncode == 0, done.stderr


def test_npm_library_accepts_our_jwts(node: Node, service: Service) -> None:
    """A strict library accepts our JWT access token and ID token (RFC 9068, 4)."""
    done = node("jwt-access-token.js", service, JWT_PROGRAM, PLAIN_SECRET, AUDIENCE)
    assert done.returncode == 0, done.stderr
