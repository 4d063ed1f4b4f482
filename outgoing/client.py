"""The client for outgoing requests: one request over https, one answer, no redirect.

Owns: what a request may look like, and how much of an answer is read. Must not know: what is sent, and why.

It uses httpcore, because that lets us connect ourselves (`network.py`). It reads no proxy from the
environment, follows no redirect, keeps no cookie, no connection and no cache, and decompresses nothing.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpcore

from outgoing.network import CheckedNetwork, Deadline, OutgoingFailed, Resolve, system_addresses

BODY_LIMIT: Final = 64 * 1024
"""Octets of an answer's body that are read."""
_FORM: Final = b"application/x-www-form-urlencoded"
_USER_AGENT: Final = b"netid-oauth"


class Answer(NamedTuple):
    """An answer of any status. The body may be cut: `is_whole` says whether it is complete."""

    status: int
    body: bytes
    is_whole: bool


class OutgoingClient:
    """Sends requests to URLs that other people registered. Any thread may use it."""

    def __init__(
        self,
        *,
        ca_file: Path | None,
        seconds: float,
        allow_private: bool,
        resolve: Resolve = system_addresses,
    ) -> None:
        """Load the trusted authorities.

        Args:
            ca_file: PEM bundle of the trusted authorities; None for the system's store.
            seconds: How long one request may take, from the resolution of the name to the end of the body.
            allow_private: Whether loopback and private addresses may be reached.
            resolve: Resolves names.

        Raises:
            OSError: The file cannot be read, or holds no certificate.
        """
        self._tls = _context(ca_file)
        self._seconds = seconds
        self._allow_private = allow_private
        self._resolve = resolve

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Send a form.

        Args:
            url: An https URL.
            fields: The form's fields.

        Raises:
            OutgoingFailed: There is no answer.
        """
        body = urlencode(fields).encode("ascii")
        return self._send("POST", url, {b"Content-Type": _FORM}, body)

    def get(self, url: str) -> Answer:
        """Read a document.

        Args:
            url: An https URL.

        Raises:
            OutgoingFailed: There is no answer.
        """
        return self._send("GET", url, {}, None)

    def _send(self, method: str, url: str, headers: Mapping[bytes, bytes], body: bytes | None) -> Answer:
        host = _host(url)
        network = CheckedNetwork(
            Deadline(self._seconds), allow_private=self._allow_private, resolve=self._resolve
        )
        every = {b"Host": host, b"User-Agent": _USER_AGENT, b"Accept": b"application/json", **headers}
        try:
            with (
                httpcore.ConnectionPool(self._tls, network_backend=network) as pool,
                pool.stream(method, url, headers=list(every.items()), content=body) as response,
            ):
                return _read(response)
        except (httpcore.ProtocolError, httpcore.NetworkError) as error:
            # The message may repeat what the other side sent.
            raise OutgoingFailed(f"the answer is not HTTP ({type(error).__name__})") from None


def _read(response: httpcore.Response) -> Answer:
    parts, left = [], BODY_LIMIT
    for part in response.iter_stream():
        parts.append(part[:left])
        left -= len(part)
        if left < 0:
            break
    return Answer(response.status, b"".join(parts), left >= 0)


def _host(url: str) -> bytes:
    """The Host header of a URL.

    Raises:
        OutgoingFailed: It is no https URL with a host, in ASCII and without a user name.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc:
        raise OutgoingFailed("the URL is not an https URL")
    return parts.netloc.encode("ascii")


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
