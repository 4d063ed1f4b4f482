"""The URI of one directory server.

Owns: parsing an LDAP URI (RFC 4516, section 2, and OpenLDAP's `ldapi`). Must not know: sockets, TLS, ldap3.
"""

from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from core.setting_rules import is_loopback

_PORTS = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True, slots=True)
class ServerUri:
    """The address of a server: a host and port, or the path of a Unix socket."""

    text: str
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `ldap://host[:port]`, `ldaps://host[:port]` or `ldapi://%2Fpath%2Fof%2Fsocket`.

        Raises:
            ValueError: the text has none of these forms; the message is a sentence for the operator.
        """
        parts = urlsplit(text)
        if parts.scheme == "ldapi":
            path = unquote(parts.netloc + parts.path).rstrip("/")
            if not path:
                raise ValueError(f"{text!r} names no socket: write ldapi://%2Fpath%2Fof%2Fsocket")
            return cls(text=text, scheme="ldapi", host=path, port=0)
        if parts.scheme not in _PORTS:
            raise ValueError(f"{text!r} is not an ldap://, ldaps:// or ldapi:// address")
        if not parts.hostname or parts.username is not None or parts.path.strip("/") or parts.query:
            raise ValueError(f"{text!r} must be a scheme, a host and perhaps a port, and nothing else")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise ValueError(f"{text!r} has a port that is no number from 1 to 65535") from None
        return cls(text=text, scheme=parts.scheme, host=parts.hostname, port=port)

    @property
    def is_loopback(self) -> bool:
        """Whether the address is on this machine, so that nothing sent to it uses the network."""
        return self.scheme == "ldapi" or is_loopback(self.host)


def wrong_port(uri: ServerUri) -> str:
    """Return the question for an operator whose server closes each new connection."""
    if uri.scheme == "ldaps":
        return "ldaps:// on a plain port, or on a port for another protocol?"
    return "ldap:// on a port for ldaps, or for another protocol?"
