"""Altered and forged JWTs: each one is refused, at little cost."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from time import process_time
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from models import GrantStore
from oauth import ACCESS, key_of
from tests.conftest import NOON, Registered, Site

ATTACKER = RSAKey.generate_key(2048, parameters={"kid": "attacker"}, private=True)
Forge = Callable[[Site, str], str]


@pytest.fixture
def program(faked: Site) -> Registered:
    """A client with JWTs as access tokens."""
    return faked.register("a program", "--access-token-format", "RS256")


def segment(value: object) -> str:
    """A part of a JWT."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, object], dict[str, object], str]:
    """Header and claims of a JWT, and its encoded signature."""
    header, claims, signature = token.split(".")
    return *(json.loads(urlsafe_b64decode(part + "==")) for part in (header, claims)), signature


def by_attacker(text: bytes) -> bytes:
    """A signature with the attacker's key."""
    return ATTACKER.get_op_key("sign").sign(text, PKCS1v15(), SHA256())


def signed(header: dict[str, object], token: str, sign: Callable[[bytes], bytes] = by_attacker) -> str:
    """The token's claims under this header, signed by `sign`: no library would do this."""
    text = f"{segment(header)}.{token.split('.')[1]}"
    return f"{text}.{urlsafe_b64encode(sign(text.encode())).decode().rstrip('=')}"


def unsigned(alg: str) -> Forge:
    """A token without a signature (CVE-2026-28802)."""
    return lambda _, token: f"{segment({'typ': 'at+jwt', 'alg': alg})}.{token.split('.')[1]}."


def by_public_key(site: Site, token: str) -> str:
    """HS256 with the public key as its secret (CVE-2024-37568, CVE-2022-29217)."""
    document = site.http.get("/.well-known/jwks.json").get_json()
    (public,) = [key for key in document["keys"] if key["alg"] == "RS256"]
    secret = RSAKey.import_key(public).as_pem(private=False)
    hs256 = {"typ": "at+jwt", "alg": "HS256", "kid": parts(token)[0]["kid"]}
    return signed(hs256, token, lambda text: hmac.digest(secret, text, "sha256"))


def header(**more: object) -> Forge:
    """Signed with the attacker's key, which the header contains or names (CVE-2026-27962)."""
    return lambda _, token: signed({"typ": "at+jwt", "alg": "RS256", **more}, token)


def altered(**changes: object) -> Forge:
    """A real token with changed claims and its old signature."""

    def forge(_: Site, token: str) -> str:
        first, _claims, signature = token.split(".")
        return f"{first}.{segment({**parts(token)[1], **changes})}.{signature}"

    return forge


FORGERIES: dict[str, Forge] = {
    "alg none": unsigned("none"),
    "alg NONE": unsigned("NONE"),
    "HS256 with the public key": by_public_key,
    "key in the header": header(jwk=ATTACKER.as_dict(private=False)),
    "key at a URL": header(jku="https://attacker.example/jwks.json"),
    "certificate at a URL": header(x5u="https://attacker.example/cert.pem"),
    "kid as a path": header(kid="../../dev/null"),
    "kid as SQL": header(kid="' OR 1=1 --"),
    "our kid": lambda _, token: signed(parts(token)[0], token),
    "unknown crit": header(crit=["bork"], bork=True),
    "other subject": altered(sub="somebody-else"),
    "later end": altered(exp=NOON + 9000),
    "more scope": altered(scope="profile echo admin"),
    "other audience": altered(aud="https://other.example"),
    "signature cut": lambda _, token: token[:-4],
    "signature gone": lambda _, token: token.rpartition(".")[0] + ".",
    "signature of a sibling": lambda _, token: token[:-1] + ("A" if token[-1] != "A" else "B"),
    "fourth part": lambda _, token: token + ".AAAA",
    "padding": lambda _, token: token + "=",
    "white space": lambda _, token: token + "\t",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgery_opens_nothing(faked: Site, program: Registered, forgery: str) -> None:
    """A forged token is unknown everywhere, and the real one lives on (RFC 8725, 3.1 and 3.2)."""
    token = faked.token(program)
    forged = FORGERIES[forgery](faked, token)
    assert forged != token
    if forgery != "white space":  # which no header carries at its end
        assert faked.get("/api/me", forged).status_code == 401
    assert faked.post("/oauth/introspect", program, token=forged).get_json() == {"active": False}
    assert faked.post("/oauth/revoke", program, token=forged).status_code == 200
    assert faked.get("/api/me", token).status_code == 200


JUNK = {
    "nothing in it": "eyJ..",
    "two parts": "eyJhIjoxfQ.eyJhIjoxfQ",
    "no JSON": "eyJ9.AAAA.AAAA",
    "a list": f"eyJ9.{segment([1])}.AAAA",
    "no end": f"eyJ9.{segment({'sub': 'x'})}.AAAA",
    "end as text": f"eyJ9.{segment({'exp': '1800000000'})}.AAAA",
    "end as truth": f"eyJ9.{segment({'exp': True})}.AAAA",
    "end as fraction": f"eyJ9.{segment({'exp': 1.8e9})}.AAAA",
    "end before time": f"eyJ9.{segment({'exp': -1})}.AAAA",
    "end after time": f"eyJ9.{segment({'exp': 1 << 40})}.AAAA",
    "end of many digits": f"eyJ9.{urlsafe_b64encode(b'{%cexp%c:%s}' % (34, 34, b'9' * 5500)).decode()}.AAAA",
    "brackets": f"eyJ9.{urlsafe_b64encode(b'[' * 6000).decode()}.AAAA",
    "half a character": f"eyJ9.{urlsafe_b64encode(bytes([0xFF] * 300)).decode()}.AAAA",
    "too long": f"eyJ9.{'A' * 9000}.AAAA",
    "ten thousand dots": "eyJ" + "." * 8000,
}


@pytest.mark.parametrize("junk", JUNK)
def test_junk_costs_no_query(faked: Site, junk: str) -> None:
    """Text that cannot be a JWT of ours is refused without a query."""
    with patch.object(GrantStore, "find_access_token", side_effect=AssertionError) as find:
        assert faked.get("/api/me", JUNK[junk]).status_code == 401
    find.assert_not_called()


@given(
    st.text(st.characters(max_codepoint=300), max_size=200),
    st.dictionaries(st.text(), st.integers() | st.text()),
)
def test_any_text_has_a_key_or_none(text: str, claims: dict[str, object]) -> None:
    """Reading any text gives the key of a JWT, or none."""
    for token in (
        text,
        f"eyJ{text}",
        f"eyJ9.{segment(claims)}.AAAA",
        f"eyJ9.{segment({'exp': 1, **claims})}.AAAA",
    ):
        key = key_of(ACCESS, token)
        assert key is None or len(key) == 35


def test_huge_token_is_refused_at_once() -> None:
    """A text of 100 MB is refused as fast as a short one (CVE-2025-61920)."""
    huge = "eyJ" + "A" * 100_000_000
    begin = process_time()
    assert key_of(ACCESS, huge) is None
    assert process_time() - begin < 0.05
