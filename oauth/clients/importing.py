"""Reads clients that another server exported, under the names of RFC 7591 (2 and 3.2.1)."""

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from models import ImportedClient, Registration
from oauth.clients.import_members import LISTS, TEXTS, translate
from oauth.clients.registration import FLAGS, Offer, mistakes
from oauth.clients.restriction_rules import RESTRICTIONS

_ID = re.compile(r"[\x20-\x7e]{1,255}")  # RFC 6749, appendix A.1
# Hashes as Django, crypt(3) and Passlib, Werkzeug, and LDAP servers (RFC 2307, 5.3) store them.
_HASH = re.compile(
    r"(pbkdf2_sha\d+|bcrypt(?:_sha256)?|argon2|scrypt|md5|sha1)\$"
    r"|\$(2[abxy]?|argon2(?:id|i|d)|pbkdf2(?:-sha\d+)?|scrypt|sha1|[1567]|g?y|md5)\$"
    r"|(pbkdf2:sha\d+|scrypt):\d+"
    r"|\{(S?SHA\d*|S?MD5|CRYPT|PBKDF2[-A-Z0-9]*|ARGON2|BCRYPT)\}",
    re.IGNORECASE,
)
_CRYPT_NAMES = {
    "1": "MD5 crypt",
    "5": "SHA-256 crypt",
    "6": "SHA-512 crypt",
    "7": "scrypt",
    "y": "yescrypt",
    "gy": "yescrypt",
}
_SHA256_OCTETS = 32
_LAST_SECOND = 1 << 53


class ImportRefused(ValueError):
    """The list cannot be imported. `sentences` has one for each mistake, which names the client."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def read_clients(text: str, offer: Offer, ignored: Collection[str] = ()) -> Sequence[ImportedClient]:
    """The clients of a JSON list. Members that describe a client to people, and times, are ignored.

    A member that restricts a client is never ignored: it is understood, or the list is refused.

    Args:
        text: the list; each object has `client_id`, and unless the client is public `client_secret`, or
            `client_secret_hash` (SHA-256 as hex or base64, or WSO2's object with `algorithm` and `hash`).
        offer: what the server offers to clients.
        ignored: members that the operator chose to ignore.

    Raises:
        ImportRefused: with all mistakes.
    """
    try:
        listed = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise ImportRefused([f"This is not JSON: {error}."]) from None
    if isinstance(listed, dict) and listed.keys() == {"items", "more"}:
        listed = listed["items"]  # as `flask client list --json` prints it
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ImportRefused(["This is not a list of objects."])
    sentences: list[str] = []
    clients: list[ImportedClient] = []
    for number, each in enumerate(listed, 1):
        name = str(each.get("client_id") or f"number {number}")
        try:
            client = _client(translate(each, ignored))
        except ValueError as error:
            sentences.append(f"{name}: {error}")
            continue
        sentences += [f"{name}: {sentence}" for sentence in mistakes(client.registration, offer)]
        clients.append(client)
    ids = Counter(client.client_id for client in clients)
    sentences += [
        f"{one}: This client_id stands in the list twice." for one, times in ids.items() if times > 1
    ]
    if sentences:
        raise ImportRefused(sentences)
    return clients


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. Python keeps only the last of several members of one name (RFC 8259, 4): refuse them."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands in an object twice")
    return members


def _client(each: Mapping[str, object]) -> ImportedClient:
    client_id = each.get("client_id")
    if not isinstance(client_id, str) or not _ID.fullmatch(client_id):
        raise ValueError("The client_id must be 1 to 255 printable ASCII characters.")
    given: dict[str, Any] = {"client_name": client_id}
    given |= {name: text for name in TEXTS if (text := _text(name, each.get(name, "")))}
    given |= {name: _texts(name, each[name]) for name in LISTS if name in each}
    registration = Registration(
        **given,
        scope=" ".join(_texts("scope", each.get("scope", ""))),
        restrictions=_restrictions(each),
        resource_server=_flag("resource_server", each.get("resource_server")),
        flags=_flags(each),
    )
    secret, hashed = _text("client_secret", each.get("client_secret", "")), each.get("client_secret_hash")
    if kind := _kind_of_hash(secret):
        raise ValueError(
            f"The client_secret is a hash ({kind}), which this server cannot verify. Give the secret itself, "
            "or its SHA-256 as client_secret_hash. If nobody knows it, create the client with a new secret."
        )
    public = registration.token_endpoint_auth_method == "none"  # noqa: S105 - a method's name
    if public and (secret or hashed):
        raise ValueError("A public client has no secret.")
    if not public and bool(secret) == bool(hashed):
        raise ValueError("Give either client_secret or client_secret_hash.")
    return ImportedClient(
        client_id=client_id,
        registration=registration,
        secret=secret or None,
        secret_sha256=_sha256(hashed) if hashed else None,
        not_after=_end_of_secret(each),
    )


def _kind_of_hash(secret: str) -> str | None:
    """The algorithm if a secret is a stored hash: the program's own secret would never match it."""
    match = _HASH.match(secret)
    if match is None:
        return None
    kind: str = next(filter(None, match.groups()))
    return "bcrypt" if re.fullmatch("2[abxy]?", kind) else _CRYPT_NAMES.get(kind, kind)


def _restrictions(each: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The restrictions: each a member of the client, or together as `flask client list --json` has them."""
    restrictions = _together("restrictions", each.get("restrictions"))
    restrictions |= {name: each[name] for name in RESTRICTIONS if name in each}
    return {name: _values(name, values) for name, values in restrictions.items()}


def _flags(each: Mapping[str, object]) -> dict[str, bool]:
    """As `_restrictions`."""
    flags = _together("flags", each.get("flags"))
    if unknown := flags.keys() - set(FLAGS):
        raise ValueError(f"There is no flag {', '.join(sorted(unknown))}; there are {', '.join(FLAGS)}.")
    flags |= {name: each[name] for name in FLAGS if name in each}
    return {name: _flag(name, value) for name, value in flags.items()}


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


def _end_of_secret(each: Mapping[str, object]) -> int | None:
    """When the secret ends: by its own member, or by the secrets that `flask client list --json` lists."""
    own = _moment("client_secret_expires_at", each.get("client_secret_expires_at"))
    listed = each.get("secrets", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError("The secrets must be a list of objects.")
    ends = {_moment("not_after of the secrets", one.get("not_after")) for one in listed}
    if "client_secret_expires_at" in each or not ends:
        return own
    if len(ends) > 1:
        raise ValueError("The secrets end at different times: say which with client_secret_expires_at.")
    return ends.pop()


def _moment(name: str, value: object) -> int | None:
    """Seconds since the epoch; 0 is never (RFC 7591, 3.2.1)."""
    if value is None or (type(value) is int and 0 <= value < _LAST_SECOND):
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
    """Texts that may contain spaces, as a DN may."""
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
