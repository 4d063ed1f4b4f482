"""Flask's signed session cookie, which holds the token of forms. What signs it is made once for its keys.

The cookie is Flask's own: Flask reads ours, and we read Flask's. itsdangerous derives its key anew for each
signature, and compresses each value to see whether that makes it shorter. Here the key is kept, and a short
value is not compressed (figures: docs/decisions/0044-cost-of-a-page.md).
"""

import hmac
import json
from typing import Any, Final

from flask import Flask, Request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.signer import SigningAlgorithm
from itsdangerous.url_safe import URLSafeSerializerMixin

_SHORT_OCTETS: Final = 256
_TEXTS: Final = frozenset({str})
_compact = json.JSONEncoder(separators=(",", ":")).encode


class SignedSessions(SecureCookieSessionInterface):
    """Flask's sessions, which make a serializer in each request, and here only when a key changes."""

    def __init__(self) -> None:
        """Begin without a serializer."""
        self.serializer = _SessionJson()
        self._made: tuple[object, URLSafeTimedSerializer | None] | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Give what signs cookies with the application's key, and also reads those of its former keys."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        made = self._made
        if made is None or made[0] != keys:
            plain = super().get_signing_serializer(app)
            made = self._made = (keys, None if plain is None else _Serializer(plain))
        return made[1]

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the session of a request. One without a cookie has nothing to verify."""
        if app.secret_key and not request.cookies.get(self.get_cookie_name(app)):
            return self.session_class()
        return super().open_session(app, request)


class _Serializer(URLSafeTimedSerializer):
    """A serializer that keeps its signer."""

    def __init__(self, plain: URLSafeTimedSerializer) -> None:
        options = plain.signer_kwargs
        digest = options["digest_method"]().name
        super().__init__(
            plain.secret_keys,
            salt=plain.salt,
            serializer=plain.serializer,
            signer=_Signer,
            signer_kwargs={**options, "algorithm": _Hmac(digest)},
        )
        self._signer = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Any:
        """Give the kept signer, or make one for another salt."""
        return self._signer if salt in {None, self.salt} else super().make_signer(salt)

    def dump_payload(self, obj: Any) -> bytes:
        """Write a value as text for a cookie."""
        text = super(URLSafeSerializerMixin, self).dump_payload(obj)
        return base64_encode(text) if len(text) <= _SHORT_OCTETS else super().dump_payload(obj)


class _Signer(TimestampSigner):
    """A signer that derives the key of each secret once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        derive = super().derive_key
        self._derived = {secret: derive(secret) for secret in self.secret_keys}
        self._newest = self._derived[self.secret_keys[-1]]

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """Give the key of a secret; of the newest if None."""
        if secret_key is None:
            return self._newest
        found = self._derived.get(secret_key) if isinstance(secret_key, bytes) else None
        return super().derive_key(secret_key) if found is None else found


class _Hmac(SigningAlgorithm):
    """HMAC (RFC 2104) in one call of OpenSSL. The parent compares signatures in constant time."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Give the signature of a value."""
        return hmac.digest(key, value, self._digest)


class _SessionJson(TaggedJSONSerializer):
    """Flask's JSON of sessions. Tags are for values that JSON does not have; texts need none."""

    def dumps(self, value: Any) -> str:
        """Write a session as JSON."""
        # Flask marks a dict whose only member has the name of a tag.
        if value.keys().isdisjoint(self.tags) and _TEXTS.issuperset(map(type, (*value, *value.values()))):
            return _compact(value)
        return super().dumps(value)
