"""PKCE (RFC 7636; RFC 9700, 2.1.1 and 4.8.2): S256 alone, demanded where the request begins."""

import pytest

from tests.conftest import Registered, Site
from tests.oauth.answers import INVALID_GRANT, INVALID_REQUEST, OK, status_and_error
from tests.oauth.authorizing import (
    CHALLENGE,
    VERIFIER,
    allowed,
    exchange,
    parameters_of,
    read,
    register,
    told,
)

NEITHER = {"code_challenge": None, "code_challenge_method": None}


@pytest.mark.parametrize("options", [(), ("--public",), ("--pkce", "required")])
def test_challenge_is_demanded_of_every_client(faked: Site, options: tuple[str, ...]) -> None:
    """A request without a challenge ends before anybody signs in (RFC 7636, 4.4.1)."""
    client = register(faked, *options)
    answer = told(faked, parameters_of(client, **NEITHER))
    assert answer["error"] == "invalid_request"
    assert answer["error_description"] == "The parameter code_challenge is missing."


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": None},
        {"code_challenge": CHALLENGE[:-1]},
        {"code_challenge": CHALLENGE + "\n"},
        {"code_challenge": CHALLENGE + "A"},
        {"code_challenge": CHALLENGE[:-1] + "="},
    ],
)
@pytest.mark.parametrize("options", [(), ("--pkce", "optional")])
def test_other_challenges_are_refused(
    faked: Site, changed: dict[str, str | None], options: tuple[str, ...]
) -> None:
    """`plain` is refused, also by omission, and so is what SHA-256 could not give (RFC 7636, 4.2 and 4.3)."""
    client = register(faked, *options)
    assert told(faked, parameters_of(client, **changed))["error"] == "invalid_request"


def test_openid_client_may_be_allowed_to_omit_it(faked: Site) -> None:
    """A client with a secret may be registered to do without: its secret and `nonce` protect it."""
    client = register(faked, "--pkce", "optional")
    sent = parameters_of(client, **NEITHER)
    assert read(faked, sent).code_challenge is None
    assert status_and_error(exchange(faked, client, allowed(faked, sent), code_verifier=None)) == OK


def test_plain_oauth_cannot_omit_it(faked: Site) -> None:
    """Without `openid` there is no `nonce` that would do instead (RFC 9700, 2.1.1)."""
    client = register(faked, "--pkce", "optional")
    assert told(faked, parameters_of(client, scope="profile", **NEITHER))["error"] == "invalid_request"


def test_verifier_without_challenge_is_refused(faked: Site) -> None:
    """Such a client believes itself protected, but its request lost the challenge (RFC 9700, 4.8.2)."""
    client = register(faked, "--pkce", "optional")
    code = allowed(faked, parameters_of(client, **NEITHER))
    assert status_and_error(exchange(faked, client, code)) == INVALID_REQUEST


@pytest.mark.parametrize(
    ("verifier", "expected"),
    [
        (None, INVALID_REQUEST),
        ("short", INVALID_REQUEST),
        (VERIFIER + "\n", INVALID_REQUEST),
        ("é" * 43, INVALID_REQUEST),
        ("A" * 129, INVALID_REQUEST),
        ("A" * 43, INVALID_GRANT),
        (CHALLENGE, INVALID_GRANT),
        (VERIFIER, OK),
    ],
)
@pytest.mark.parametrize("options", [(), ("--public",)])
def test_verifier_must_match(
    faked: Site, options: tuple[str, ...], verifier: str | None, expected: tuple[int, str | None]
) -> None:
    """Only the program that began has the verifier (RFC 7636, 4.6)."""
    client = register(faked, *options)
    code = allowed(faked, parameters_of(client))
    assert status_and_error(exchange(faked, client, code, code_verifier=verifier)) == expected


def test_wrong_verifier_does_not_use_up_the_code(faked: Site) -> None:
    """Who guesses a verifier takes the code from nobody."""
    client: Registered = register(faked)
    code = allowed(faked, parameters_of(client))
    assert status_and_error(exchange(faked, client, code, code_verifier="A" * 43)) == INVALID_GRANT
    assert status_and_error(exchange(faked, client, code)) == OK
