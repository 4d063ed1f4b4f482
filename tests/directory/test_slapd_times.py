"""How long OpenLDAP's refusals take through us: who exists, and how their password is kept, does not show."""

import statistics
import subprocess
import time
from collections.abc import Callable

import pytest

from directory import Directory, InvalidCredentials
from tests.guards import Gate
from tests.servers.slapd import SUFFIX, Slapd

pytestmark = pytest.mark.server

TRIES = 200
ARGON2 = ("-o", "module-path=/usr/lib/ldap", "-o", "module-load=argon2")
KINDS = ("nobody", "slow", "quick", "sam", "clumsy")


def hashed(scheme: str, *options: str) -> str:
    """A password as slapd keeps it under a scheme."""
    command = ["slappasswd", "-h", scheme, *options, "-s", "right-password"]
    made = subprocess.run(command, capture_output=True, check=True, env={"PATH": "/usr/sbin:/usr/bin"})
    return made.stdout.decode().strip()


def person(net_id: str, password: str, *more: str) -> str:
    """An entry."""
    lines = [
        f"dn: uid={net_id},ou=people,{SUFFIX}",
        "objectClass: inetOrgPerson",
        f"uid: {net_id}",
        f"cn: {net_id}",
        f"sn: {net_id}",
        f"userPassword: {password}",
        *more,
    ]
    return "\n".join(lines) + "\n\n"


@pytest.fixture
def gate(new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]) -> Gate:
    """A login without limits, over people with slow and quick hashes, one of them locked."""
    ldif = "\n" + person("slow", hashed("{ARGON2}", *ARGON2)) + person("quick", hashed("{SSHA}"))
    ldif += person("clumsy", hashed("{ARGON2}", *ARGON2), "pwdAccountLockedTime: 000001010000Z")
    server = new_slapd(ldif.encode(), more="moduleload argon2")
    return Gate(on_slapd(server), monotonic=time.monotonic, sleep=time.sleep, places=2)


def took(gate: Gate, net_id: str) -> float:
    """Be refused: in how many seconds."""
    began = time.monotonic()
    with pytest.raises(InvalidCredentials):
        gate.ask(net_id)
    return time.monotonic() - began


def test_medians_are_alike(gate: Gate) -> None:
    """Of 200 tries each: unknown, wrong with argon2 and with {SSHA}, disabled, locked, within 20 %."""
    for _ in range(30):
        took(gate, "slow")
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(TRIES):
        for kind in KINDS:
            times[kind].append(took(gate, f"nobody{number}" if kind == "nobody" else kind))
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    assert max(medians.values()) <= 1.2 * min(medians.values()), medians


def test_unknown_name_on_two_servers_takes_as_long_as_a_wrong_password(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]
) -> None:
    """With two servers, the search on the second one does not show: medians of 200 within 20 %."""
    ldif = ("\n" + person("quick", hashed("{SSHA}"))).encode()
    servers = [new_slapd(ldif) for _ in range(2)]
    directory = on_slapd(servers[0], uris=tuple(server.ldap for server in servers))
    gate = Gate(directory, monotonic=time.monotonic, sleep=time.sleep, places=2)
    for number in range(30):
        took(gate, "quick")
        took(gate, f"early{number}")
    times: dict[str, list[float]] = {"nobody": [], "quick": []}
    for number in range(TRIES):
        times["nobody"].append(took(gate, f"nobody{number}"))
        times["quick"].append(took(gate, "quick"))
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    assert max(medians.values()) <= 1.2 * min(medians.values()), medians
