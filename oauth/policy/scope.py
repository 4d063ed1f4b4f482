"""Scope: its grammar, and what a request is granted (RFC 6749, 3.3)."""

import re
from collections.abc import Sequence

from models import Registration

DEFAULT = "default"
_GRAMMAR = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def resolve(
    requested: str | None, client: Registration, *, server_default: str = "", tolerant: bool = False
) -> str | None:
    """The scope that a client is granted, None if it requests a scope that it may not have.

    A request without a scope gets the client's default scope. Without one it gets the names that the server's
    default and the client's list have in common, else the whole list, else `default`.

    Args:
        requested: the `scope` parameter, None if omitted.
        client: the registered client.
        server_default: space-separated, empty for none.
        tolerant: whether names that the client may not have are dropped. If none is left, the request counts
            as one without a scope.
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
    """Whether `scope` follows the grammar of RFC 6749, 3.3. An empty one does not."""
    return _GRAMMAR.fullmatch(scope) is not None


def _in_common(scope: str, registered: Sequence[str]) -> str:
    return " ".join(name for name in scope.split() if name in registered)
