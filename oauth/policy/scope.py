"""Scope: its grammar, and what a request is granted (RFC 6749, 3.3)."""

import re
from collections.abc import Sequence

from models import Registration

DEFAULT = "default"
_GRAMMAR = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def resolve(
    requested: str | None, client: Registration, *, server_default: str = "", tolerant: bool = False
) -> str | None:
    """The scope that a client is granted, or None if it asked for what it may not have.

    When none is asked: the client's default scope, else what the server's default and its list have in
    common, else its whole list, else `default`.

    Args:
        requested: the `scope` parameter, None if omitted.
        client: the registered client.
        server_default: space-separated, empty for none.
        tolerant: whether what the client may not have is dropped in silence; where nothing else was asked, it
            counts as if none had been.
    """
    registered = client.scope.split()
    if requested is None:
        return client.default_scope or _in_common(server_default, registered) or client.scope or DEFAULT
    if not _GRAMMAR.fullmatch(requested):
        return None
    wanted = list(dict.fromkeys(requested.split(" ")))
    if tolerant:
        wanted = [name for name in wanted if name in (registered or [DEFAULT])]
        if not wanted:
            return resolve(None, client, server_default=server_default)
    return " ".join(wanted) if set(wanted) <= set(registered or [DEFAULT]) else None


def is_wellformed(scope: str) -> bool:
    """Whether `scope` follows the grammar of RFC 6749, 3.3 (an empty one does not)."""
    return _GRAMMAR.fullmatch(scope) is not None


def _in_common(scope: str, registered: Sequence[str]) -> str:
    return " ".join(name for name in scope.split() if name in registered)
