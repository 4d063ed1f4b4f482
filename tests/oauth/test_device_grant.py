"""The polls of a device, until a user has answered (RFC 8628, 3.4 and 3.5)."""

import pytest

from tests.conftest import Site
from tests.faults import rows, without_table
from tests.oauth.answers import (
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)
from tests.oauth.devices import DEVICE_GRANT, Device, begin_session, end_session, register_device

PENDING, SLOW_DOWN = (400, "authorization_pending"), (400, "slow_down")
DENIED, EXPIRED = (400, "access_denied"), (400, "expired_token")


@pytest.fixture
def device(faked: Site) -> Device:
    """A device with its codes."""
    return Device.start(faked, register_device(faked))


def test_device_waits_until_its_user_allows(faked: Site, device: Device) -> None:
    """Section 3.5: pending, then a token of the approved scope."""
    assert status_and_error(device.poll()) == PENDING
    assert device.allow()
    answer = device.poll()
    assert status_and_error(answer) == OK
    token = answer.get_json()
    assert (token["token_type"], token["scope"]) == ("Bearer", "profile email")
    shown = faked.get("/oauth/userinfo", token["access_token"])
    assert shown.status_code in {200, 403}
    (grant,) = rows(faked, "grant")
    assert (grant["origin"], grant["auth_time"]) == (DEVICE_GRANT, faked.clock() - 60)


def test_code_gives_one_token(device: Device) -> None:
    """A used code is refused."""
    device.allow()
    assert status_and_error(device.poll()) == OK
    assert status_and_error(device.poll()) == INVALID_GRANT


def test_reuse_ends_what_the_code_gave(faked: Site, device: Device) -> None:
    """Whoever presents a used code may have stolen it, so its grant ends, as for RFC 6749, 4.1.2."""
    device.allow()
    token = device.poll().get_json()["access_token"]
    faked.clock.now += 4
    assert status_and_error(device.poll()) == INVALID_GRANT
    assert faked.get("/api/me", token).status_code == 200
    faked.clock.now += 1
    assert status_and_error(device.poll()) == INVALID_GRANT
    assert faked.get("/api/me", token).status_code == 401
    assert [row["event"] for row in rows(faked, "audit_event")][-1] == "code.reused"


def test_early_poll_makes_the_interval_longer_for_good(faked: Site, device: Device) -> None:
    """Section 3.5: `slow_down` adds 5 seconds to this and every later interval."""
    clock = faked.clock
    assert status_and_error(device.poll()) == PENDING
    clock.now += 4
    assert status_and_error(device.poll()) == SLOW_DOWN
    clock.now += 9
    assert status_and_error(device.poll()) == SLOW_DOWN
    for _ in range(2):
        clock.now += 15
        assert status_and_error(device.poll()) == PENDING
    clock.now += 14
    assert status_and_error(device.poll()) == SLOW_DOWN


def test_poll_in_time_is_never_too_early(faked: Site, device: Device) -> None:
    """A device that keeps to the interval of its answer is not slowed down."""
    for _ in range(4):
        assert status_and_error(device.poll()) == PENDING
        faked.clock.now += device.codes["interval"]


def test_early_poll_after_the_approval_gets_its_token(device: Device) -> None:
    """`slow_down` is a kind of `authorization_pending`: there is nothing left to wait for."""
    device.poll()
    device.allow()
    assert status_and_error(device.poll()) == OK


def test_denied_device_is_refused_for_good(device: Device) -> None:
    """Section 3.5: `access_denied`; a later approval changes nothing."""
    assert device.deny()
    assert not device.allow()
    assert [status_and_error(device.poll()) for _ in range(2)] == [DENIED, DENIED]


def test_approval_cannot_be_repeated_or_withdrawn(device: Device) -> None:
    """One decision counts, the first."""
    assert device.allow()
    assert not device.allow()
    assert not device.deny()
    assert device.poll().get_json()["scope"] == "profile email"


def test_code_ends_after_ten_minutes(faked: Site, device: Device) -> None:
    """Section 3.5: `expired_token`, and nobody can allow it any more."""
    faked.clock.now += 599
    assert status_and_error(device.poll()) == PENDING
    faked.clock.now += 1
    assert status_and_error(device.poll()) == EXPIRED
    assert not device.allow()
    assert status_and_error(device.poll()) == EXPIRED


def test_session_that_ended_before_the_poll_gives_no_token(faked: Site, device: Device) -> None:
    """A user who signs out, or whom an operator signs out, takes the approval back."""
    session = begin_session(faked)
    device.allow(session)
    end_session(faked, session)
    assert [status_and_error(device.poll()) for _ in range(2)] == [DENIED, DENIED]
    assert rows(faked, "grant") == []


def test_end_of_the_session_ends_the_token(faked: Site, device: Device) -> None:
    """A grant without `offline_access` belongs to the session of its user."""
    session = begin_session(faked)
    device.allow(session)
    token = device.poll().get_json()["access_token"]
    assert faked.get("/api/me", token).status_code == 200
    end_session(faked, session)
    assert faked.get("/api/me", token).status_code == 401


def test_approval_ends_with_its_code(faked: Site, device: Device) -> None:
    """A device that comes too late gets no token, also if its user was in time."""
    device.allow()
    faked.clock.now += 600
    assert status_and_error(device.poll()) == EXPIRED
    assert rows(faked, "grant") == []


def test_code_of_another_client_is_refused(faked: Site, device: Device) -> None:
    """The refusal is noted, changes nothing, and does not say what became of the code."""
    other = register_device(faked)
    assert status_and_error(device.poll(other)) == INVALID_GRANT
    device.allow()
    assert status_and_error(device.poll(other)) == INVALID_GRANT
    assert status_and_error(device.poll()) == OK
    noted = [line for line in faked.log_lines() if line["event"] == "code.refused"]
    assert noted[0]["client_id"] == other.client_id
    assert noted[0]["reason"] == f"other_client: {device.client.client_id}"


@pytest.mark.parametrize("code", ["unknown", "x" * 43, "\N{SNOWMAN}", "nidr_" + "A" * 56])
def test_unknown_code_is_invalid(device: Device, code: str) -> None:
    """Section 3.5 and RFC 6749, 5.2."""
    assert status_and_error(device.poll(device_code=code)) == INVALID_GRANT


def test_poll_without_a_code_is_malformed(device: Device) -> None:
    """Section 3.4: the code is required."""
    assert status_and_error(device.poll(device_code="")) == INVALID_REQUEST


def test_client_that_lost_the_grant_gets_no_token(faked: Site, device: Device) -> None:
    """The registration counts at each poll."""
    device.allow()
    faked.run("client", "update", device.client.client_id, "--grant", "refresh_token")
    faked.clock.now += 10
    assert status_and_error(device.poll()) == UNAUTHORIZED_CLIENT


def test_disabled_client_gets_no_token(faked: Site, device: Device) -> None:
    """A client that is disabled between approval and poll."""
    device.allow()
    faked.run("client", "disable", device.client.client_id, "--yes")
    assert device.poll().status_code == 401
    assert rows(faked, "grant") == []


def test_scope_that_the_client_lost_is_left_out(faked: Site, device: Device) -> None:
    """What is left of the approval is granted; if nothing is left, nothing."""
    device.allow()
    faked.run("client", "update", device.client.client_id, "--scope", "email groups")
    assert device.poll().get_json()["scope"] == "email"
    lost = Device.start(faked, device.client, scope="email")
    lost.allow()
    faked.run("client", "update", device.client.client_id, "--scope", "groups")
    assert status_and_error(lost.poll()) == INVALID_SCOPE


def test_poll_asks_for_no_other_resource(faked: Site) -> None:
    """RFC 8707, 2.2: a poll may narrow the approved audience, never widen it."""
    apis = ("--audience", "https://a.example", "--audience", "https://b.example")
    client = register_device(faked, *apis)
    device = Device.start(faked, client, resource="https://a.example")
    device.allow()
    assert status_and_error(device.poll(resource="https://b.example")) == INVALID_TARGET
    assert status_and_error(device.poll(resource="https://a.example")) == OK
    assert [row["audience"] for row in rows(faked, "grant")] == ["https://a.example"]


def test_poll_narrows_the_access_token_but_not_the_grant(faked: Site) -> None:
    """A later refresh may name another approved API (RFC 8707, 2.2)."""
    apis = ("https://a.example", "https://b.example")
    options = ("--grant", "refresh_token", "--default-audience", " ".join(apis))
    client = register_device(faked, "--audience", " ".join(apis), *options)
    device = Device.start(faked, client)
    device.allow()
    first = device.poll(resource=apis[0])
    second = faked.refresh(client, first.get_json()["refresh_token"], resource=apis[1])
    assert {row["audience"] for row in rows(faked, "access_token")} == set(apis)
    assert status_and_error(second) == OK
    assert [row["audience"] for row in rows(faked, "grant")] == [" ".join(apis)]


def test_client_outside_of_its_networks_gets_no_token(faked: Site, device: Device) -> None:
    """The network is checked at each poll that could give a token; nothing is used up."""
    device.allow()
    faked.run("client", "update", device.client.client_id, "--network", "192.0.2.0/24")
    assert status_and_error(device.poll()) == INVALID_GRANT
    faked.run("client", "update", device.client.client_id, "--network", "127.0.0.0/8")
    assert status_and_error(device.poll()) == OK


def test_refresh_token_is_for_clients_that_may_refresh(faked: Site) -> None:
    """It belongs to the same family as every other, and is refused to all others."""
    client = register_device(faked, "--grant", "refresh_token")
    device = Device.start(faked, client)
    device.allow()
    first = device.poll().get_json()
    second = faked.refresh(client, first["refresh_token"])
    assert status_and_error(second) == OK
    assert second.get_json()["scope"] == "profile email"
    without = Device.start(faked, register_device(faked))
    without.allow()
    assert "refresh_token" not in without.poll().get_json()


def test_database_that_fails_is_503_and_costs_nothing(faked: Site, device: Device) -> None:
    """Section 3.5: a device may poll again after an outage; its code stays good."""
    with without_table(faked, "device_code"):
        assert status_and_error(device.poll()) == UNAVAILABLE
    device.allow()
    with without_table(faked, "access_token"):
        assert status_and_error(device.poll()) == UNAVAILABLE
    assert status_and_error(device.poll()) == OK


def test_answers_are_sentences_for_the_person_at_the_terminal(device: Device) -> None:
    """Programs print `error_description`: it says what to do, and names no code."""
    pending = device.poll().get_json()
    assert pending["error_description"] == "Nobody has confirmed the code in a browser yet."
    device.deny()
    assert device.poll().get_json()["error_description"] == "The request was denied in the browser."


def test_audit_names_device_browser_and_user(faked: Site, device: Device) -> None:
    """An operator finds who allowed which client, from where, and where the device was."""
    device.allow()
    (row,) = (row for row in rows(faked, "audit_event") if row["event"] == "device.allowed")
    assert (row["client_id"], row["address"]) == (device.client.client_id, "203.0.113.9")
    assert (row["scope"], row["reason"]) == ("profile email", "device at 127.0.0.1")


def test_public_client_needs_its_own_id(faked: Site, device: Device) -> None:
    """A device code without a client is no credential (section 3.4)."""
    form = {"grant_type": DEVICE_GRANT, "device_code": device.codes["device_code"]}
    assert faked.http.post("/oauth/token", data=form).status_code == 401
