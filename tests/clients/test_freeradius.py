"""The files of docs/recipes/freeradius.md in a real FreeRADIUS: Access-Requests with PAP, and EAP-TTLS."""

from collections.abc import Iterator

import pytest

from tests.clients.conftest import Service
from tests.clients.freeradius import ACCEPT, REJECT, SILENCE, Radius, radius
from tests.servers.netid import free_port

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def network(shared: Service) -> Iterator[Radius]:
    """A FreeRADIUS that asks the running server."""
    with radius(shared) as started:
        yield started


def test_radius_accepts_the_right_password_alone(network: Radius) -> None:
    """The right password is accepted. A wrong or unencoded password, or an unknown name, is rejected."""
    assert network.pap("alice", "alice-password") == ACCEPT
    for user, password in (("alice", "wrong"), ("nobody", "alice-password"), ("alice", "x&username=bob")):
        assert network.pap(user, password) == REJECT


def test_radius_encodes_passwords_for_the_form(network: Radius) -> None:
    """A password beyond ASCII arrives unchanged."""
    assert network.pap("zoe", "zoë-pässwörd") == ACCEPT


def test_device_logs_in_by_eap_ttls(network: Radius) -> None:
    """The inner PAP of EAP-TTLS is checked in the same way."""
    assert network.ttls("bob", "bob-password") == ACCEPT
    assert network.ttls("bob", "wrong") == REJECT


def test_radius_is_silent_while_the_server_is_down(shared: Service) -> None:
    """FreeRADIUS starts without the server, and answers nothing: the access point asks another one."""
    with radius(Service(f"https://localhost:{free_port()}", shared.ca)) as network:
        assert network.pap("alice", "alice-password", 3) == SILENCE
        assert network.ttls("alice", "alice-password", 3) == SILENCE


def test_radius_is_silent_while_the_directory_is_down(outage: Service) -> None:
    """A 503 of the server is no reject."""
    with radius(outage) as network:
        assert network.pap("alice", "alice-password", 3) == SILENCE


def test_radius_is_silent_if_its_own_secret_is_wrong(shared: Service) -> None:
    """A 401 is about the secret of FreeRADIUS, never about the user."""
    with radius(shared, "an-old-secret") as network:
        assert network.pap("alice", "alice-password", 3) == SILENCE
