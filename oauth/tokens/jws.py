"""Signing (RFC 7515, compact serialisation) with RS256 or ES256. The same key and text give the same token.

ECDSA takes its nonce from the text (RFC 6979), unlike joserfc's: so a client whose answer was lost can get
the same token again. Nothing here verifies a signature: presented tokens are looked up.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc.jwk import ECKey, RSAKey

from models import NewSigningKey

RS256, ES256 = "RS256", "ES256"
ALGORITHMS = (RS256, ES256)
_RSA_BITS = 2048
_P256_OCTETS = 32

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def generate(alg: str) -> NewSigningKey:
    """A fresh key pair for `alg`; its id is its thumbprint (RFC 7638).

    Args:
        alg: one of `ALGORITHMS`.
    """
    private: _PrivateKey = (
        rsa.generate_private_key(65537, _RSA_BITS)
        if alg == RS256
        else ec.generate_private_key(ec.SECP256R1())
    )
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = (RSAKey if alg == RS256 else ECKey).import_key(pem)
    kid = key.thumbprint()
    return NewSigningKey(
        kid=kid,
        alg=alg,
        private_key=der,
        public_jwk={**key.as_dict(private=False), "kid": kid, "alg": alg, "use": "sig"},
    )


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that can sign."""

    kid: str
    alg: str
    key: _PrivateKey = field(repr=False)

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """A JWT.

        Args:
            typ: the kind of JWT (RFC 8725, 3.11).
            claims: its payload. Claims that are None are left out.
        """
        header = {"typ": typ, "alg": self.alg, "kid": self.kid}
        payload = {name: value for name, value in claims.items() if value is not None}
        text = f"{_segment(_json(header))}.{_segment(_json(payload))}"
        return f"{text}.{_segment(self._signature(text.encode('ascii')))}"

    def _signature(self, text: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(text, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(_P256_OCTETS, "big") + s.to_bytes(_P256_OCTETS, "big")


def signer(kid: str, alg: str, private_key: bytes) -> Signer:
    """Load a key for signing.

    Args:
        kid: its id.
        alg: one of `ALGORITHMS`.
        private_key: in clear, as PKCS #8.

    Raises:
        ValueError: it is no key for `alg`.
    """
    key = load_der_private_key(private_key, None)
    if isinstance(key, rsa.RSAPrivateKey if alg == RS256 else ec.EllipticCurvePrivateKey):
        return Signer(kid, alg, key)
    raise ValueError(f"the key {kid} is none for {alg}")


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _segment(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
