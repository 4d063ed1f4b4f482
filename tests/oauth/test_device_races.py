"""Polls and decisions of one device at the same moment: one of them wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from models import DeviceStore
from models.authorizations.device_store import Guesses
from oauth import TooManyGuesses, UnknownUserCode
from tests.answers import client_of
from tests.conftest import Site
from tests.faults import rows
from tests.oauth.devices import DEVICE_GRANT, Device, at_the_page, begin_session, register_device

ROUNDS, AT_ONCE = 5, 8


def at_once(act: Callable[[int], object]) -> list[object]:
    """Act several times at the same moment."""
    start = Barrier(AT_ONCE)

    def one(number: int) -> object:
        start.wait(10)
        return act(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


@pytest.fixture
def device(faked: Site) -> Device:
    """A device with its codes."""
    return Device.start(faked, register_device(faked))


def test_one_of_many_polls_gets_the_token(faked: Site) -> None:
    """RFC 8628, 3.5 and RFC 6749, 4.1.2: the others get an error, and the token of the first stays valid."""
    client = register_device(faked)
    for round_number in range(1, ROUNDS + 1):
        device = Device.start(faked, client)
        device.allow()
        form = {"client_id": client.client_id, "grant_type": DEVICE_GRANT}
        form["device_code"] = device.codes["device_code"]
        answers = at_once(lambda _, form=form: client_of(faked.app).post("/oauth/token", data=form))  # type: ignore[misc]
        tokens = [each.get_json() for each in answers if each.status_code == 200]  # type: ignore[attr-defined]
        refusals = {each.get_json()["error"] for each in answers if each.status_code != 200}  # type: ignore[attr-defined]
        assert (len(tokens), refusals) == (1, {"invalid_grant"})
        assert len(rows(faked, "grant")) == round_number
        assert faked.get("/api/me", tokens[0]["access_token"]).status_code == 200


def test_one_of_many_decisions_counts(faked: Site, device: Device) -> None:
    """Allow and deny at the same moment: one is stored, and the device gets that one."""
    session = begin_session(faked)

    def decide(number: int) -> bool:
        with at_the_page(faked, session) as (verification, user):
            found = device.find(verification, user)
            if number % 2:
                return verification.deny(found, user)
            return verification.allow(found, user, "profile")

    assert sorted(at_once(decide)) == [False] * (AT_ONCE - 1) + [True]  # type: ignore[type-var]
    decided = [row["event"] for row in rows(faked, "audit_event") if str(row["event"]).startswith("device.")]
    assert len(decided) == 1
    expected = 200 if decided == ["device.allowed"] else 400
    assert device.poll().status_code == expected


def test_polls_at_once_are_not_all_in_time(device: Device) -> None:
    """Section 3.5: of polls at the same moment, one is in time."""
    errors = at_once(lambda _: device.poll().get_json()["error"])
    assert sorted(errors) == ["authorization_pending"] + ["slow_down"] * (AT_ONCE - 1)  # type: ignore[type-var]


def test_guesses_at_once_stay_within_the_limit(faked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 5.1: nine codes were wrong, and eight more come before any of them is known to be wrong."""
    session, wrong, counted = begin_session(faked), "BBBB-BBBB", Barrier(AT_ONCE)
    count = DeviceStore.count_guesses

    def counting(store: DeviceStore, session_id: bytes | None, address: str, since: int) -> Guesses:
        found = count(store, session_id, address, since)
        counted.wait(10)
        return found

    def guess(_number: int) -> type[Exception]:
        with at_the_page(faked, session) as (verification, user):
            try:
                verification.find(wrong, user)
            except (UnknownUserCode, TooManyGuesses) as refusal:
                return type(refusal)
        raise AssertionError

    for number in range(9):
        assert guess(number) is UnknownUserCode
    monkeypatch.setattr(DeviceStore, "count_guesses", counting)
    raced = at_once(guess)
    monkeypatch.undo()
    # Those that were refused were not looked at, so one of all is looked at, then or later.
    assert [*raced, guess(0), guess(0)].count(UnknownUserCode) == 1
