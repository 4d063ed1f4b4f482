"""Times of refusals with OpenLDAP: they reveal neither which names exist nor how a password is hashed."""

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
KINDS = ("unknown", "slow", "quick", "sam", "clumsy")


def hashed(scheme: str, *options: str) -> str:
    """Return a password as slapd stores it under a scheme."""
    command = ["slappasswd", "-h", scheme, *options, "-s", "right-password"]
    made = subprocess.run(command, capture_output=True, check=True, env={"PATH": "/usr/sbin:/usr/bin"})
    return made.stdout.decode().strip()


def person(net_id: str, password: str, *more: str) -> str:
    """Return a user's entry as LDIF."""
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
    """A login without limits, with users who have slow and fast hashes; one account is locked."""
    ldif = "\n" + person("slow", hashed("{ARGON2}", *ARGON2)) + person("quick", hashed("{SSHA}"))
    ldif += person("clumsy", hashed("{ARGON2}", *ARGON2), "pwdAccountLockedTime: 000001010000Z")
    server = new_slapd(ldif.encode(), more="moduleload argon2")
    return Gate(on_slapd(server), monotonic=time.monotonic, sleep=time.sleep, slots=2)


def seconds_of_refusal(gate: Gate, net_id: str) -> float:
    """Log in with a wrong password. Return the seconds until the refusal."""
    began = time.monotonic()
    with pytest.raises(InvalidCredentials):
        gate.ask(net_id)
    return time.monotonic() - began


def test_refusals_of_unknown_wrong_disabled_and_locked_take_alike(gate: Gate) -> None:
    """Medians of 200 refusals (unknown, wrong with argon2 and {SSHA}, disabled, locked) are within 20 %."""
    for _ in range(30):
        seconds_of_refusal(gate, "slow")
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(TRIES):
        for kind in KINDS:
            times[kind].append(seconds_of_refusal(gate, f"unknown{number}" if kind == "unknown" else kind))
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    assert max(medians.values()) <= 1.2 * min(medians.values()), medians


def test_unknown_name_on_two_servers_takes_as_long_as_a_wrong_password(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]
) -> None:
    """The search on a second server is not visible in the time: medians of 200 are within 20 %."""
    ldif = ("\n" + person("quick", hashed("{SSHA}"))).encode()
    servers = [new_slapd(ldif) for _ in range(2)]
    directory = on_slapd(servers[0], uris=tuple(server.ldap for server in servers))
    gate = Gate(directory, monotonic=time.monotonic, sleep=time.sleep, slots=2)
    for number in range(30):
        seconds_of_refusal(gate, "quick")
        seconds_of_refusal(gate, f"early{number}")
    times: dict[str, list[float]] = {"unknown": [], "quick": []}
    for number in range(TRIES):
        times["unknown"].append(seconds_of_refusal(gate, f"unknown{number}"))
        times["quick"].append(seconds_of_refusal(gate, "quick"))
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    assert max(medians.values()) <= 1.2 * min(medians.values()), medians
