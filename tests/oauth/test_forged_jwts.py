"""Forged JWTs: a JWT that this server did not issue is refused, whatever it contains."""

import json
from base64 import urlsafe_b64encode

import pytest

from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.oauth.answers import OK, status_and_error

CLAIMS = {
    "iss": "https://localhost:8443",
    "aud": "https://localhost:8443",
    "sub": ALICE.id,
    "scope": "profile email",
    "exp": NOON + 60,
    "iat": NOON,
    "jti": "x",
}
HEADERS: dict[str, dict[str, object]] = {
    "none": {"alg": "none"},
    "None": {"alg": "None"},
    "no alg": {"typ": "at+jwt"},
    "HMAC with nothing": {"alg": "HS256"},
    "its own key": {"alg": "RS256", "jwk": {"kty": "oct", "k": "AA"}},
    "a key from elsewhere": {"alg": "RS256", "jku": "https://evil.example/jwks", "kid": "../../etc/passwd"},
    "a certificate from elsewhere": {"alg": "ES256", "x5u": "https://evil.example/x5u"},
    "critical": {"alg": "RS256", "crit": ["b64"], "b64": False},
    "a number": {"alg": 7},
}


def part(text: bytes) -> str:
    """A part of a JWT (RFC 7515, 2)."""
    return urlsafe_b64encode(text).decode().rstrip("=")


FORGED = {
    **{
        name: f"{part(json.dumps(header).encode())}.{part(json.dumps(CLAIMS).encode())}.{part(b'signature')}"
        for name, header in HEADERS.items()
    },
    "unsigned": f"{part(json.dumps({'alg': 'none'}).encode())}.{part(json.dumps(CLAIMS).encode())}.",
    "no JSON": f"{part(b'not JSON')}.{part(b'neither')}.{part(b'x')}",
    "no parts": "..",
    "many parts": ".".join(["e30"] * 400),
    "long segment": f"{part(b'{' + b' ' * 9000)}.{part(b'{}')}.x",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_forged_token_opens_nothing(faked: Site, forged: str) -> None:
    """A forged JWT is `invalid_token` at a resource (RFC 6750, 3.1; RFC 8725, 3)."""
    answer = faked.get("/api/me", forged)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_forged_token_is_inactive(faked: Site, resource_server: Registered, forged: str) -> None:
    """Introspection answers that a forged JWT is inactive, and with no error (RFC 7662, 2.2)."""
    answer = faked.post("/oauth/introspect", resource_server, token=forged)
    assert status_and_error(answer) == OK
    assert answer.get_json() == {"active": False}
