"""Measures the directory's own limit of logins a second: a search and a bind each, by a minimal client.

Requests are encoded beforehand, and only the end of a response is read, so that the measurement shows only
the directory.
"""

import itertools
import selectors
import socket
import time

from bench.contenders import BASE
from bench.load import CONNECTIONS, PEOPLE
from directory.ldap.protocol import encode
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, net_id, password
from tests.servers.slapd import Slapd

_ATTRIBUTES = ("entryUUID", "uid", "cn", "displayName", "mail")
_SUCCESS = b"\x07\x0a\x01\x00\x04\x00\x04\x00"
_FOUND, _BOUND = b"\x65" + _SUCCESS, b"\x61" + _SUCCESS


def logins() -> list[tuple[bytes, bytes]]:
    """A search and a bind for each person."""
    made = []
    for number in range(PEOPLE):
        name = net_id(number)
        search = encode.search(BASE, f"(uid={name})", scope=2, attributes=_ATTRIBUTES, size_limit=2)
        bind = encode.simple_bind(f"uid={name},{BASE}", password(number).encode())
        made.append((encode.message(1, search, ()), encode.message(2, bind, ())))
    return made


def limit(slapd: Slapd, seconds: float, made: list[tuple[bytes, bytes]]) -> float:
    """Logins a second over as many pairs of connections as the load has.

    Args:
        slapd: the directory.
        seconds: the length of the run.
        made: the requests that `logins` encoded.

    Raises:
        SystemExit: a response is not a success.
    """
    turns, done = itertools.cycle(made), 0
    service = encode.message(1, encode.simple_bind(SERVICE_DN, SERVICE_PASSWORD.encode()), ())
    pairs = [(_connection(slapd, service), _connection(slapd)) for _ in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for search, bind in pairs:
            request = next(turns)
            search.sendall(request[0])
            selector.register(search, selectors.EVENT_READ, (_FOUND, bind, request[1]))
            selector.register(bind, selectors.EVENT_READ, (_BOUND, search, b""))
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            ready = selector.select(1)
            if not ready:
                raise SystemExit("a search or a bind of the directory's limit failed")
            for key, _ in ready:
                ending, other, following = key.data
                # An entry may come before the end of its search does.
                if ending not in key.fileobj.recv(65536):  # type: ignore[union-attr]
                    continue
                if ending is _BOUND:
                    done += 1
                    request = next(turns)
                    selector.modify(other, selectors.EVENT_READ, (_FOUND, key.fileobj, request[1]))
                    following = request[0]
                other.sendall(following)
    for connection in itertools.chain(*pairs):
        connection.close()
    return done / (now - began)


def _connection(slapd: Slapd, introduction: bytes = b"") -> socket.socket:
    """A connection, bound if a bind request is given."""
    connection = socket.create_connection(("127.0.0.1", slapd.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if introduction:
        connection.sendall(introduction)
        if _BOUND not in connection.recv(4096):
            raise SystemExit("the service account cannot bind")
    return connection
