"""A running server tells clients about the end of sessions."""

import shutil
import socket
import time
from pathlib import Path

import pytest
import trustme

from tests.conftest import Site
from tests.oauth.sessions import SignedIn
from tests.outgoing.peer import peer, trust
from tests.servers.netid import serving

pytestmark = pytest.mark.slow
_PATIENCE = 30.0


def test_workers_send_a_notice_that_another_process_stored(site: Site, tmp_path: Path) -> None:
    """Two workers send one notice once, to a host on loopback that the operator allows."""
    authority = trustme.CA()
    site.clock.now = time.time()
    with peer(authority, name="localhost") as server:
        signed_in = SignedIn(site)
        signed_in.ended(signed_in.client(backchannel_logout_uri=server.url(name="localhost")))
        instance = tmp_path / "served"
        shutil.copytree(site.app.instance_path, instance)
        settings = {
            "NETID_WORKERS": "2",
            "NETID_OUTGOING_CA_FILE": str(trust(authority, tmp_path)),
            "NETID_OUTGOING_ALLOW_PRIVATE": "true",
        }
        with serving(instance, settings=settings):
            deadline = time.monotonic() + _PATIENCE
            while not server.received:
                assert time.monotonic() < deadline, "no notice came"
                time.sleep(0.05)
        assert b"logout_token=" in server.received[0]
        assert len(server.received) == 1


def test_loopback_resolves_here() -> None:
    """The test above means nothing where localhost is no loopback address."""
    assert {each[4][0] for each in socket.getaddrinfo("localhost", 1)} <= {"127.0.0.1", "::1"}
