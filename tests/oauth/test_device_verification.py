"""Codes that users type: who may find one, how often, and what they may allow (RFC 8628, 3.3 and 5.1)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from login import Person
from models import SignInSession, StoreUnavailable
from oauth import DeviceState, NotPermitted, Server, TooManyGuesses, UnknownUserCode, UserCodes
from tests.conftest import Site
from tests.fakes import ALICE
from tests.faults import rows, without_table
from tests.oauth.devices import PHONE, Device, at_the_page, begin_session, register_device

ADMINS = "cn=admins,ou=groups,dc=campus,dc=example"
WRONG = "BCDF-GHJK"


@pytest.fixture
def device(faked: Site) -> Device:
    """A device with its codes."""
    return Device.start(faked, register_device(faked))


def guess(site: Site, session: SignInSession, times: int = 1, address: str = PHONE) -> None:
    """Type wrong codes."""
    with at_the_page(site, session, address=address) as (verification, user):
        for _ in range(times):
            with pytest.raises(UnknownUserCode):
                verification.find(WRONG, user)


def find(device: Device, session: SignInSession, address: str = PHONE) -> DeviceState:
    """Type the device's code, and return what became of it."""
    with at_the_page(device.site, session, address=address) as (verification, user):
        return device.find(verification, user).state


def test_code_is_found_in_each_state(faked: Site, device: Device) -> None:
    """The page can say what became of a code."""
    session = begin_session(faked)
    assert find(device, session) is DeviceState.PENDING
    device.allow()
    assert find(device, session) is DeviceState.ALLOWED
    denied = Device.start(faked, device.client)
    denied.deny()
    assert find(denied, session) is DeviceState.DENIED
    late = Device.start(faked, device.client)
    faked.clock.now += 600
    assert find(late, session) is DeviceState.EXPIRED


def test_ten_wrong_codes_close_the_page_for_a_session(faked: Site, device: Device) -> None:
    """Section 5.1: after that the right code is not looked at either, until a quarter of an hour is over."""
    session = begin_session(faked)
    guess(faked, session, 9)
    assert find(device, session) is DeviceState.PENDING
    guess(faked, session)
    with pytest.raises(TooManyGuesses) as refusal:
        find(device, session)
    assert refusal.value.retry_after == 900
    assert find(device, begin_session(faked)) is DeviceState.PENDING
    faked.clock.now += 901
    assert find(device, session) is DeviceState.EXPIRED


def test_hundred_wrong_codes_close_the_page_for_a_network(faked: Site, device: Device) -> None:
    """New sessions do not help, and neither do the other addresses of an IPv6 network."""
    for number in range(10):
        guess(faked, begin_session(faked), 10, address=f"2001:db8::{number + 1}")
    with pytest.raises(TooManyGuesses):
        find(device, begin_session(faked), address="2001:db8::ffff")
    assert find(device, begin_session(faked), address="2001:db8:0:1::1") is DeviceState.PENDING


def test_text_that_is_no_code_is_not_counted(faked: Site, device: Device) -> None:
    """It cannot be the code of anyone, so it costs the user nothing."""
    session = begin_session(faked)
    with at_the_page(faked, session) as (verification, user):
        for typed in ["", "123456", "WDJB", "please"] * 10:
            with pytest.raises(UnknownUserCode):
                verification.find(typed, user)
    assert find(device, session) is DeviceState.PENDING


def test_throttling_is_logged(faked: Site, device: Device) -> None:
    """An operator sees who guesses. No typed code is in the log."""
    session = begin_session(faked)
    guess(faked, session, 10)
    with pytest.raises(TooManyGuesses):
        find(device, session)
    (line,) = (line for line in faked.log_lines() if line["event"] == "device.throttled")
    assert (line["reason"], line["subject"], line["address"]) == ("session", ALICE.id, PHONE)
    written = faked.log.getvalue() + str(rows(faked, "device_guess"))
    assert WRONG not in written
    assert WRONG.replace("-", "") not in written


def test_code_under_the_previous_server_key_is_found(make_site: Callable[..., Site]) -> None:
    """A new key in front of the ring leaves the codes on people's screens valid."""
    site = make_site()
    device = Device.start(site, register_device(site))
    server: Server = site.app.extensions[Server.NAME]
    server.user_codes = UserCodes([b"a newer key", *server.user_codes._keys])
    assert find(device, begin_session(site)) is DeviceState.PENDING


def test_client_that_was_disabled_has_no_codes(faked: Site, device: Device) -> None:
    """The page names no program that may not run any more."""
    faked.run("client", "disable", device.client.client_id, "--yes")
    with pytest.raises(UnknownUserCode):
        find(device, begin_session(faked))


@pytest.mark.parametrize(
    ("options", "person", "may"),
    [
        (("--refuse-member", f"group:{ADMINS}"), replace(ALICE, groups=(ADMINS,)), False),
        (("--refuse-member", f"group:{ADMINS}"), ALICE, True),
        (("--allow-member", "affiliation:staff"), replace(ALICE, affiliations=("student",)), False),
        (("--allow-member", "affiliation:staff"), replace(ALICE, affiliations=("staff",)), True),
    ],
)
def test_rules_about_people_hold(
    faked: Site,
    options: tuple[str, str],
    person: Person,
    may: bool,  # noqa: FBT001 - a case
) -> None:
    """A user whom the client's rules exclude can allow nothing; log and audit say why."""
    device = Device.start(faked, register_device(faked, *options))
    if may:
        assert device.allow(person=person)
        return
    with pytest.raises(NotPermitted):
        device.allow(person=person)
    assert device.poll().get_json()["error"] == "authorization_pending"
    (line,) = (line for line in faked.log_lines() if line["event"] == "grant.refused")
    assert (line["reason"], line["client_id"]) == ("not_allowed", device.client.client_id)


def test_scope_rules_leave_a_part(faked: Site) -> None:
    """A scope that the user may not have is not in the token; without any, nothing can be allowed."""
    faked.run("scope", "create", "grades", "--needs", f"group:{ADMINS}")
    client = register_device(faked, scope="profile grades")
    device = Device.start(faked, client)
    device.allow()
    assert device.poll().get_json()["scope"] == "profile"
    only = Device.start(faked, client, scope="grades")
    with pytest.raises(NotPermitted):
        only.allow()


def test_pairwise_client_sees_its_own_sub(faked: Site) -> None:
    """The `sub` of a device's token is that of the client's other grants."""
    client = register_device(faked, "--pairwise-subject", scope="openid profile")
    device = Device.start(faked, client)
    device.allow()
    token = device.poll().get_json()["access_token"]
    sub = faked.get("/oauth/userinfo", token).get_json()["sub"]
    assert sub not in {ALICE.id, None}
    (grant,) = rows(faked, "grant")
    assert (grant["subject"], grant["sub"]) == (ALICE.id, sub)


def test_database_that_fails_lets_nobody_guess(faked: Site, device: Device) -> None:
    """A guess that cannot be counted is not answered: 503 at the page."""
    session = begin_session(faked)
    with without_table(faked, "device_guess"), pytest.raises(StoreUnavailable):
        find(device, session)
