"""OpenLDAP's lockout: the rules of every directory that locks accounts, and attributes that are hidden."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable, InvalidCredentials, LockoutStatus, Refusal
from login import Throttled
from tests.directory.conformance import TEMPLATE
from tests.directory.conftest import MovedClock
from tests.directory.lockout_conformance import DAY, LIMIT, LockoutConformance, fail, look
from tests.directory.shield_conformance import ShieldConformance
from tests.guards import Gate
from tests.servers.administrator import SlapdAdministrator
from tests.servers.policy import LOCKING, PolicySlapd, start_policy_slapd
from tests.servers.slapd import SUFFIX, Slapd, require_slapd

pytestmark = pytest.mark.server

YEAR = 365 * DAY


@pytest.fixture(scope="module")
def locking(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[PolicySlapd]:
    """A slapd whose policy locks accounts."""
    require_slapd()
    made = start_policy_slapd(tmp_path_factory.mktemp("slapd") / "data", authority=authority)
    yield made
    made.server.stop()


@pytest.fixture
def open_with(on_slapd: Callable[..., Directory], locking: PolicySlapd) -> Callable[..., Directory]:
    """Open a directory on that slapd."""

    def open_it(**changes: Any) -> Directory:
        return on_slapd(locking.server, **changes)

    return open_it


class TestSlapdLockout(LockoutConformance, ShieldConformance):
    """OpenLDAP shows the lockout status of accounts."""

    @pytest.fixture
    def administrator(self, locking: PolicySlapd) -> SlapdAdministrator:
        """The administrator of that slapd."""
        return locking.administrator


def test_default_policy_is_named_by_the_setting(on_slapd: Callable[..., Directory], slapd: Slapd) -> None:
    """No entry names the overlay's default policy; only the setting does."""
    assert look(on_slapd(slapd))[1] == LockoutStatus(0, None)
    default = f"cn=default,ou=policies,{SUFFIX}"
    assert look(on_slapd(slapd, password_policy=default))[1] == LockoutStatus(0, 0)
    assert look(on_slapd(slapd, password_policy=f"cn=nothing,{SUFFIX}"))[1] == LockoutStatus(0, None)


@pytest.mark.parametrize(
    ("access", "lockout_status"),
    [
        ("access to attrs=pwdFailureTime by * none", LockoutStatus(None, LIMIT)),
        (f'access to dn.exact="{LOCKING}" by * none', LockoutStatus(0, None)),
        ("access to attrs=pwdPolicySubentry by * none", LockoutStatus(0, None)),
    ],
)
def test_hidden_counter_or_policy_is_unknown_not_zero(
    on_slapd: Callable[..., Directory], tmp_path: Path, access: str, lockout_status: LockoutStatus
) -> None:
    """A counter that the account may not read is not taken for zero (RFC 4511, 4.5.1.7)."""
    require_slapd()
    locking = start_policy_slapd(tmp_path / "hiding", access=access)
    try:
        assert look(on_slapd(locking.server))[1] == lockout_status
    finally:
        locking.server.stop()


def test_failures_are_never_forgotten_without_a_window(
    on_slapd: Callable[..., Directory], tmp_path: Path
) -> None:
    """With an interval of 0 only a success clears failures (draft-behera-ldap-password-policy-10, 5.2.12)."""
    require_slapd()
    locking = start_policy_slapd(tmp_path / "unforgetting", window=0, duration=0)
    try:
        directory = on_slapd(locking.server, clock=lambda: time.time() + YEAR)
        fail(directory)
        assert look(directory)[1] == LockoutStatus(1, LIMIT)
        fail(directory, LIMIT - 1)
        assert directory.examine("alice").refusal is Refusal.LOCKED
    finally:
        locking.server.stop()


def test_policy_is_read_once_a_minute(on_slapd: Callable[..., Directory], locking: PolicySlapd) -> None:
    """The policy is cached for a minute; the counters are not cached."""
    clock = MovedClock()
    directory = on_slapd(locking.server, monotonic=clock)
    assert look(directory)[1].limit == LIMIT
    locking.administrator.change(LOCKING, {"pwdMaxFailure": "9"})
    try:
        assert look(directory)[1].limit == LIMIT
        clock.move(61)
        assert look(directory)[1].limit == 9
    finally:
        locking.administrator.change(LOCKING, {"pwdMaxFailure": str(LIMIT)})


def test_lockout_status_and_bind_use_one_server(
    on_slapd: Callable[..., Directory], locking: PolicySlapd, new_slapd: Callable[..., Slapd]
) -> None:
    """Counters are not replicated: if the server that was read fails, no other server takes the bind."""
    second = new_slapd()
    directory = on_slapd(second, uris=(second.ldap, locking.server.ldap), ca_file=second.ca_file)

    account = directory.find("alice")
    account.lockout_status()
    second.kill()
    with pytest.raises(DirectoryUnavailable, match="may count others"):
        account.verify("alice-password")
    assert directory.find("alice").verify("alice-password").net_id == "alice"


@pytest.mark.parametrize("sees_accounts", [True, False])
def test_old_program_blocks_no_other_program_where_changes_are_hidden(
    on_slapd: Callable[..., Directory], tmp_path: Path, *, sees_accounts: bool
) -> None:
    """The time of the change, or the whole entry, is hidden: an hour of repetitions locks nobody out."""
    require_slapd()
    locking = start_policy_slapd(tmp_path / "hiding", access="access to attrs=pwdChangedTime by * none")
    alone = {} if sees_accounts else {"user_dn_template": TEMPLATE, "bind_dn": None, "bind_password": None}
    gate = Gate(on_slapd(locking.server, **alone), shield_budget=3, sees_accounts=sees_accounts)
    try:
        for _ in range(60):
            with pytest.raises((InvalidCredentials, Throttled)):
                gate.ask(password="an-old-password")
            gate.clock.now += 59
        assert locking.administrator.failures("alice") == 2
        assert gate.ask(password="alice-password", client_id="another").net_id == "alice"
        assert locking.administrator.failures("alice") == 0
    finally:
        locking.server.stop()
