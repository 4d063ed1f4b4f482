"""Clients from npm, as programs on campus use them, over the production server."""

import subprocess
from collections.abc import Callable

import pytest

from tests.clients.conftest import ODD_PROGRAM, ODD_SECRET, Service

Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("script", ["simple-oauth2.js", "openid-client.js", "oauth4webapi.js"])
def test_a_client_from_npm_lives_with_every_answer(node: Node, service: Service, script: str) -> None:
    """Every flow that the library has runs to its end, with a secret of odd characters."""
    done = node(script, service, ODD_PROGRAM, ODD_SECRET)
    assert done.returncode == 0, done.stderr
