"""Removes secrets from text before it is logged.

Our own code logs no secret. But other libraries log their arguments, and this is the safety net for them.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# An app password may be typed in another case; no other text of ours looks like one.
_TOKEN = re.compile(r"(?i:nid[a-z]_)[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+")
_CREDENTIALS = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{4,}", re.IGNORECASE)
_LONG = r"[\w-]*(?:password|passwd|secret|_token|assertion)"
_SHORT = r"token|code|code_verifier|device_code"
_NAME = re.compile(rf"{_LONG}|{_SHORT}", re.IGNORECASE)
# A parameter in a form, in JSON or in a Python literal. A quoted value ends with its quote, an unquoted one
# where the next parameter begins. The short names are common words, so they match only as parameters.
_PARAMETER = re.compile(
    rf"""(?<![\w-])(?P<name>{_LONG}["']?\s*[:=]\s*|(?:{_SHORT})(?:=|["']\s*:\s*))"""
    r"""(?:b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\]|\\.)*'|[^"'&\s,}]+)""",
    re.IGNORECASE,
)
_BLANK = "[redacted]"
# The patterns above match only lines that have one of these words, in lower case, and the pattern beside it.
# A line without them is clean. To find that out takes a tenth of the time.
_SIGNS = tuple(
    (word, re.compile(sign))
    for word, sign in (("nid", "nid[a-z]_"), ("eyj", "eyj"), ("basic", r"basic\s"), ("bearer", r"bearer\s"))
)
_PARAMETER_SIGNS = tuple(
    (word, re.compile(rf"""{word}["']?\s*[:=]"""))
    for word in ("password", "passwd", "secret", "token", "assertion", "code", "code_verifier")
)
_PLAIN = frozenset({bool, int, float, type(None)})


def redact(text: str) -> str:
    """Redact our tokens and secrets, Authorization values and secret OAuth parameters.

    Args:
        text: Any text that is about to be logged.
    """
    text = redact_tokens(text)
    text = _CREDENTIALS.sub(rf"\1 {_BLANK}", text)
    return _PARAMETER.sub(rf"\g<name>{_BLANK}", text)


def redact_tokens(text: str) -> str:
    """Redact our tokens, our client secrets and JWTs, which have a recognisable form.

    Args:
        text: A sentence that may repeat what a user typed.
    """
    return _TOKEN.sub(_BLANK, text)


def redact_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Redact secrets in the fields of a log line, at any depth, by a field's name and by its text.

    Args:
        fields: The fields by name. Their values are what JSON will hold.
    """
    if _are_clean(fields):
        return dict(fields)
    return {
        name: _BLANK if _is_secret(str(name)) and not _is_plain(value) else _redacted(value)
        for name, value in fields.items()
    }


@lru_cache(maxsize=512)
def _is_secret(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=512)
def _are_harmless(names: tuple[object, ...]) -> bool:
    return not any(_is_secret(str(name)) for name in names)


def _are_clean(fields: Mapping[str, Any]) -> bool:
    """Whether the fields certainly hold no secret: only plain values and texts, and no sign in any text."""
    if not _are_harmless(tuple(fields)):
        return False
    texts = []
    for value in fields.values():
        if type(value) is str:
            texts.append(value)
        elif type(value) not in _PLAIN:
            return False
    # Outside ASCII, some letters match the patterns too: the kelvin sign matches K.
    line = "\n".join(texts)
    return line.isascii() and not _has_sign(line.lower())


def _has_sign(text: str) -> bool:
    signs = _SIGNS + _PARAMETER_SIGNS if ":" in text or "=" in text else _SIGNS
    for word, sign in signs:  # noqa: SIM110 - half the time of any()
        if word in text and sign.search(text):
            return True
    return False


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _redacted(value: Any) -> Any:
    if _is_plain(value):
        return value
    if isinstance(value, Mapping):
        return redact_fields(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each) for each in value]
    return redact(value if isinstance(value, str) else repr(value))
