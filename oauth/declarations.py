"""What grants and endpoints declare about themselves, collected as they are registered.

Owns: the strict parser's list of parameters and the members of the metadata document, both derived. A class
declares what is its own, each attribute where it has any:

- `PARAMETERS`: the names of parameters that it reads. Each may appear once, and only in the body.
- `REPEATABLE_PARAMETERS`: names that may appear several times.
- `METADATA`: members of RFC 8414. Lists of one name are joined; a text that begins with a slash is a path,
  which the document names below the issuer; true and false stand as they are.
- `PUBLIC_CLIENTS` (endpoints that authenticate a client): whether they accept public clients. The document
  names their methods of client authentication, which are those that the server has registered.
- `PATHS`, `HTTP_METHODS` and `CORS` (endpoints): where it is served, and whether browser pages may call it.

Must not know: any particular grant or endpoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from oauth.clients.authentication import PARAMETERS as CLIENT_PARAMETERS
from oauth.token_request import ParameterNames

# Credentials and codes of grants and methods that this server does not offer. They are as secret as those it
# reads, so they are refused in a URL too.
_NOT_OFFERED = frozenset({"access_token", "assertion", "client_assertion", "client_assertion_type"})

_Members = Mapping[str, str | bool | Sequence[str]]


class _ClientAuthMethods(Protocol):
    def __call__(self, *, public: bool) -> Sequence[str]: ...


class Declarations:
    """The declarations of every registered grant, extension and endpoint of one server."""

    def __init__(self, client_auth_methods: _ClientAuthMethods) -> None:
        """Begin with what client authentication reads.

        Args:
            client_auth_methods: gives the registered methods of client authentication.
        """
        self.parameters = ParameterNames(CLIENT_PARAMETERS | _NOT_OFFERED, frozenset())
        self._client_auth_methods = client_auth_methods
        self._accepts_public: dict[str, bool] = {}
        self._members: dict[str, str | bool | list[str]] = {}

    def add(self, *declaring: object) -> None:
        """Take what grants, extensions or endpoints declare.

        Args:
            declaring: classes or objects. An object that declares nothing, such as Authlib's own grant, is
                served, but no parameter of its own reaches it.
        """
        for each in declaring:
            once: frozenset[str] = getattr(each, "PARAMETERS", frozenset())
            repeatable: frozenset[str] = getattr(each, "REPEATABLE_PARAMETERS", frozenset())
            self.parameters = self.parameters.joined(once, repeatable)
            self._join(getattr(each, "METADATA", {}))
            if hasattr(each, "ENDPOINT_NAME") and hasattr(each, "PUBLIC_CLIENTS"):
                self._accepts_public[each.ENDPOINT_NAME] = each.PUBLIC_CLIENTS

    def metadata(self, issuer: str) -> dict[str, object]:
        """The declared members of the metadata document: endpoints first, in the order of registration.

        Args:
            issuer: the public base URL.
        """
        urls = {name: f"{issuer}{path}" for name, path in self._members.items() if isinstance(path, str)}
        methods = {
            f"{name}_endpoint_auth_methods_supported": list(self._client_auth_methods(public=public))
            for name, public in self._accepts_public.items()
        }
        others = {name: each for name, each in self._members.items() if name not in urls}
        copied = {name: list(each) if isinstance(each, list) else each for name, each in others.items()}
        return {**urls, **methods, **copied}

    def _join(self, members: _Members) -> None:
        for name, value in members.items():
            if isinstance(value, str | bool):
                self._members[name] = value
            else:
                before = self._members.get(name, ())
                self._members[name] = _union(before if isinstance(before, list) else (), value)


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))
