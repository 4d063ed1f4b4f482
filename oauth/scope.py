"""Scope: its grammar, and what a request is granted (RFC 6749, 3.3)."""

import re

from models import Registration

DEFAULT = "default"
_GRAMMAR = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def settle(requested: str | None, client: Registration) -> str | None:
    """The scope that a client is granted, or None if it asked for what it may not have.

    When none is asked: the client's default scope, else its whole list, else `default`.

    Args:
        requested: the `scope` parameter, None if omitted.
        client: the registered client.
    """
    registered = client.scope.split()
    if requested is None:
        return client.default_scope or client.scope or DEFAULT
    if not _GRAMMAR.fullmatch(requested):
        return None
    wanted = list(dict.fromkeys(requested.split(" ")))
    return " ".join(wanted) if set(wanted) <= set(registered or [DEFAULT]) else None


def is_wellformed(scope: str) -> bool:
    """Whether `scope` follows the grammar of RFC 6749, 3.3 (an empty one does not)."""
    return _GRAMMAR.fullmatch(scope) is not None
