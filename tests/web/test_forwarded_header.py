"""The address of a request whose proxies set `Forwarded` (RFC 7239)."""

from collections.abc import Iterable
from typing import Any

import pytest

from web import behind_proxies


def address(forwarded: str | None, hops: int) -> str:
    """The client address that the application sees for a request from 192.0.2.1."""
    seen = []

    def app(environ: dict[str, Any], _: Any) -> Iterable[bytes]:
        seen.append(environ["REMOTE_ADDR"])
        return []

    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "198.51.100.66"}
    if forwarded is not None:
        environ["HTTP_FORWARDED"] = forwarded
    behind_proxies(app, hops, "Forwarded")(environ, None)
    return str(seen[0])


@pytest.mark.parametrize(
    ("forwarded", "hops", "expected"),
    [
        ("for=203.0.113.5", 1, "203.0.113.5"),
        ("proto=https;For=203.0.113.5;by=192.0.2.1", 1, "203.0.113.5"),
        ('for="[2001:db8::5]:4711"', 1, "[2001:db8::5]:4711"),
        ("for=198.51.100.66, for=203.0.113.5", 1, "203.0.113.5"),
        ("for=198.51.100.66,for=203.0.113.5, for=192.0.2.1", 2, "203.0.113.5"),
        # A quotation mark that a client opens hides nothing that a proxy adds.
        ('for="198.51.100.66, for=203.0.113.5', 1, "203.0.113.5"),
        ('for=198.51.100.66;x="\\", for=203.0.113.5', 1, "203.0.113.5"),
        # A client's text that a proxy quotes, such as the Host, is ignored.
        ('host="x;for=198.51.100.66";for=203.0.113.5', 1, "203.0.113.5"),
        ('host="x,for=198.51.100.66";for=203.0.113.5', 1, "203.0.113.5"),
        ('for=203.0.113.5;host="x,for=198.51.100.66"', 1, "203.0.113.5"),
        ('host="x\\",for=198.51.100.66;";for="203.0.113.5:80"', 1, "203.0.113.5:80"),
        ('for="198.51.100.66, host="x;for=198.51.100.66";for=203.0.113.5', 1, "203.0.113.5"),
        ('for=203.0.113.5;host="a,b", for=192.0.2.1;host="c,d"', 2, "203.0.113.5"),
        # Without an address from a proxy, the peer is the client.
        (None, 1, "192.0.2.1"),
        ("for=198.51.100.66", 2, "192.0.2.1"),
        ("for=198.51.100.66, proto=https", 1, "192.0.2.1"),
        ("", 1, "192.0.2.1"),
    ],
)
def test_address_is_that_of_the_trusted_proxy(forwarded: str | None, hops: int, expected: str) -> None:
    """The outermost trusted proxy added the element with the address (RFC 7239, 4)."""
    assert address(forwarded, hops) == expected
