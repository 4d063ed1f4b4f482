"""Reading clients that another server exported, under the names of RFC 7591 (2 and 3.2.1)."""

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from models import ImportedClient, Registration
from oauth.registration import FLAGS, mistakes
from oauth.registration_rules import RESTRICTIONS

_ID = re.compile(r"[\x20-\x7e]{1,255}")  # RFC 6749, appendix A.1
_SHA256_OCTETS = 32
_LAST_SECOND = 1 << 53
_TEXTS = (
    "client_name",
    "default_scope",
    "token_endpoint_auth_method",
    "owner",
    "access_token_format",
)
_LISTS = ("grant_types", "redirect_uris", "audiences", "released_claims")


class ImportRefused(ValueError):
    """The list cannot be imported; `sentences` has one for each mistake, naming the client."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def read_clients(text: str) -> Sequence[ImportedClient]:
    """The clients of a JSON list. Members that no server needs, such as times, are passed over.

    Nothing that narrows what a client may is passed over: it is understood, or refused.

    Args:
        text: the list; each object has `client_id`, and unless the client is public `client_secret`, or
            `client_secret_hash` (SHA-256 as hex or base64, or WSO2's object with `algorithm` and `hash`).

    Raises:
        ImportRefused: with every mistake at once.
    """
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ImportRefused([f"This is not JSON: {error}."]) from None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ImportRefused(["This is not a list of objects."])
    found: list[str] = []
    clients: list[ImportedClient] = []
    for number, each in enumerate(listed, 1):
        name = str(each.get("client_id") or f"number {number}")
        try:
            client = _client(each)
        except ValueError as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}: {sentence}" for sentence in mistakes(client.registration)]
        clients.append(client)
    ids = Counter(client.client_id for client in clients)
    found += [f"{one}: This client_id stands in the list twice." for one, times in ids.items() if times > 1]
    if found:
        raise ImportRefused(found)
    return clients


def _client(each: Mapping[str, object]) -> ImportedClient:
    client_id = each.get("client_id")
    if not isinstance(client_id, str) or not _ID.fullmatch(client_id):
        raise ValueError("The client_id must be 1 to 255 printable ASCII characters.")
    given: dict[str, Any] = {"client_name": client_id}
    given |= {name: text for name in _TEXTS if (text := _text(name, each.get(name) or ""))}
    given |= {name: _texts(name, each[name]) for name in _LISTS if each.get(name) is not None}
    registration = Registration(
        **given,
        scope=" ".join(_texts("scope", each.get("scope") or "")),
        restrictions=_restrictions(each),
        resource_server=_flag("resource_server", each.get("resource_server")),
        flags=_flags(each),
    )
    if each.get("disabled_at"):
        raise ValueError("A disabled client cannot be imported, since it would be enabled.")
    secret, hashed = each.get("client_secret"), each.get("client_secret_hash")
    public = registration.token_endpoint_auth_method == "none"  # noqa: S105 - a method's name
    if public and (secret or hashed):
        raise ValueError("A public client has no secret.")
    if not public and bool(secret) == bool(hashed):
        raise ValueError("Give either client_secret or client_secret_hash.")
    return ImportedClient(
        client_id=client_id,
        registration=registration,
        secret=_text("client_secret", secret) if secret else None,
        secret_sha256=_sha256(hashed) if hashed else None,
        not_after=_moment("client_secret_expires_at", each.get("client_secret_expires_at")),
    )


def _restrictions(each: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Those beside the other members, and those together as `flask client list --json` has them."""
    found = _together("restrictions", each.get("restrictions"))
    found |= {name: each[name] for name in RESTRICTIONS if each.get(name)}
    return {name: _values(name, values) for name, values in found.items()}


def _flags(each: Mapping[str, object]) -> dict[str, bool]:
    """As `_restrictions`."""
    found = _together("flags", each.get("flags"))
    if unknown := found.keys() - set(FLAGS):
        raise ValueError(f"There is no flag {', '.join(sorted(unknown))}; there are {', '.join(FLAGS)}.")
    found |= {name: each[name] for name in FLAGS if name in each}
    return {name: True for name, value in found.items() if _flag(name, value)}


def _together(name: str, value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return dict(value)
    if value:
        raise ValueError(f"The {name} must be an object.")
    return {}


def _flag(name: str, value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ValueError(f"The {name} must be true or false.")


def _moment(name: str, value: object) -> int | None:
    """Seconds since the epoch; 0 is never (RFC 7591, 3.2.1)."""
    if value is None or (isinstance(value, int) and 0 <= value < _LAST_SECOND):
        return value or None
    raise ValueError(f"The {name} must be seconds since the epoch, or 0.")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"The {name} must be text.")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError(f"The {name} must be a list of texts.")


def _values(name: str, value: object) -> tuple[str, ...]:
    """Texts of which each may hold spaces, as a DN may."""
    return (value,) if isinstance(value, str) else _texts(name, value)


def _sha256(value: object) -> bytes:
    """The digest as hex, as base64, or in WSO2's JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    if text.lstrip().startswith("{"):
        stored = json.loads(text)
        if str(stored.get("algorithm", "")).upper() != "SHA-256":
            raise ValueError("The client_secret_hash must be SHA-256.")
        text = str(stored.get("hash", ""))
    try:
        digest = (
            bytes.fromhex(text) if re.fullmatch(r"[0-9a-fA-F]{64}", text) else b64decode(text, validate=True)
        )
    except ValueError:
        digest = b""
    if len(digest) != _SHA256_OCTETS:
        raise ValueError("The client_secret_hash must be a SHA-256, as hex or base64.")
    return digest
