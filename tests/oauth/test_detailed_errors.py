"""Detailed errors: only a client that is registered for them learns why a login was refused."""

from dataclasses import replace

import pytest

from directory import InvalidCredentials, Refusal
from tests.conftest import NOON, Site
from tests.fakes import ALICE, FakeDirectory

EXTRA = {"password_expires_in", "grace_logins_remaining"}


@pytest.mark.parametrize("reason", list(Refusal))
def test_reason_is_named_to_registered_clients_only(
    faked: Site, fake: FakeDirectory, reason: Refusal
) -> None:
    """The reason is a member of its own and a sentence; without the flag nothing shows (RFC 6749, 8.5)."""
    detailed, other = faked.register("trusted", "--told-reasons"), faked.register("other")
    fake.outcome = InvalidCredentials(reason, "detail-of-the-server")
    answer = faked.ask_token(detailed)
    body = answer.get_json()
    assert answer.status_code == 400
    assert (body["error"], body["reason"]) == ("invalid_grant", reason.value)
    assert body["error_description"].endswith(".")
    assert "detail-of-the-server" not in answer.text
    assert faked.ask_token(other).get_json() == {
        "error": "invalid_grant",
        "error_description": "The Net ID or the password is wrong.",
    }


def test_registered_client_gets_warnings_about_the_password(faked: Site, fake: FakeDirectory) -> None:
    """The answer has the seconds for which the password is valid, and the grace logins that remain."""
    detailed, other = faked.register("trusted", "--told-reasons"), faked.register("other")
    fake.outcome = replace(ALICE, password_expires_at=NOON + 86_400, grace_logins_remaining=3)
    body = faked.ask_token(detailed).get_json()
    assert (body["password_expires_in"], body["grace_logins_remaining"]) == (86_400, 3)
    assert not EXTRA & set(faked.ask_token(other).get_json())
    fake.outcome = ALICE
    assert not EXTRA & set(faked.ask_token(detailed).get_json())


@pytest.mark.parametrize("kept", [False, True], ids=["rotated", "kept"])
def test_refresh_warns_too(faked: Site, fake: FakeDirectory, kept: bool) -> None:  # noqa: FBT001 - a case
    """A program that logs in once and then refreshes for months learns in time that the password expires."""
    options = ("--grant", "refresh_token", *(("--keep-refresh-token",) if kept else ()))
    detailed, other = faked.register("trusted", "--told-reasons", *options), faked.register("other", *options)
    tokens = {each: faked.ask_token(each).get_json()["refresh_token"] for each in (detailed, other)}
    fake.outcome = replace(ALICE, password_expires_at=NOON + 3600)
    faked.clock.now += 60
    assert faked.refresh(detailed, tokens[detailed]).get_json()["password_expires_in"] == 3540
    assert not EXTRA & set(faked.refresh(other, tokens[other]).get_json())
