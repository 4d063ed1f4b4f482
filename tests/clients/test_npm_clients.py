"""Clients from npm, as programs on campus use them, over the production server."""

import subprocess
from collections.abc import Callable

import pytest

from tests.clients.conftest import AUDIENCE, JWT_PROGRAM, ODD_PROGRAM, ODD_SECRET, PLAIN_SECRET, Service

pytestmark = pytest.mark.server

Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("script", ["simple-oauth2.js", "openid-client.js", "oauth4webapi.js"])
def test_a_client_from_npm_lives_with_every_answer(node: Node, service: Service, script: str) -> None:
    """Every flow that the library has runs to its end, with a secret of odd characters."""
    done = node(script, service, ODD_PROGRAM, ODD_SECRET)
    assert done.returncode == 0, done.stderr


def test_an_api_from_npm_accepts_our_jwts(node: Node, service: Service) -> None:
    """A JWT access token and an ID token are what a strict library takes for such (RFC 9068, 4)."""
    done = node("jwt-access-token.js", service, JWT_PROGRAM, PLAIN_SECRET, AUDIENCE)
    assert done.returncode == 0, done.stderr
