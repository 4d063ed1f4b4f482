"""The client address at the production server, if another header looks like the proxy's.

WSGI gives `X_Forwarded_For` and `X-Forwarded-For` one name. Each test sends them in both orders.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.netid import PROJECT, Running, await_port, free_port, serving

pytestmark = pytest.mark.slow

CLIENT, FORGED = "127.0.0.7", "198.51.100.66"
HYPHENS = f"X-Forwarded-For: {FORGED}\r\n"
UNDERSCORES = f"X_Forwarded_For: {FORGED}\r\n"
DOCUMENT = (PROJECT / "docs" / "operating.md").read_text("utf-8")


@contextmanager
def server(migrated_instance: Path, folder: Path, **settings: str) -> Iterator[Running]:
    """The server behind one trusted proxy."""
    instance = folder / "instance"
    shutil.copytree(migrated_instance, instance)
    settings = {"NETID_TRUSTED_PROXIES": "1", "NETID_WORKERS": "1", **settings}
    with serving(instance, settings=settings) as running:
        yield running


def address_of_refusal(running: Running, port: int, headers: str) -> str:
    """The logged address of a refused request with these headers."""
    before = len(running.printed())
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(CLIENT, 0)) as connection:
        request = f"POST /oauth/token HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n"
        connection.sendall(request.encode())
        got = b""
        while part := connection.recv(65536):
            got += part
    assert got.startswith(b"HTTP/1.1 4")
    lines = [json.loads(line) for line in running.printed()[before:].splitlines()]
    [address] = [line["address"] for line in lines if line["event"] == "request.refused"]
    return str(address)


@contextmanager
def nginx(folder: Path, block: str, backend: int, more: str = "") -> Iterator[int]:
    """An nginx with this block in its server; its port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    kinds = ("proxy", "fastcgi", "uwsgi", "scgi", "client_body")
    paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    block = block.replace("127.0.0.1:8080", f"127.0.0.1:{backend}")
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; worker_processes 1; {user} events {{ }}\n"
        f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port}; {more}\n{block} }} }}\n",
        "utf-8",
    )
    output = folder / "nginx.log"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [program, "-c", str(folder / "nginx.conf"), "-e", str(output)], stderr=stream, text=True
        )
        try:
            await_port(process, port, output)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def orders(given: str, forged: str) -> list[str]:
    """Both headers in each order, with and without a header whose removal changes the order in the server."""
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"
    return [
        headers for pair in (given + forged, forged + given) for headers in (pair, form + pair, pair + form)
    ]


def test_no_other_header_is_taken_for_forwarded(migrated_instance: Path, tmp_path: Path) -> None:
    """With `NETID_PROXY_HEADER=Forwarded`, no other header counts, whichever the proxy passes on."""
    given = "Forwarded: for=192.0.2.9;proto=https, for=203.0.113.5\r\n"
    with server(migrated_instance, tmp_path, NETID_PROXY_HEADER="Forwarded") as running:
        for headers in (*orders(given, UNDERSCORES), *orders(given, HYPHENS)):
            assert address_of_refusal(running, running.port, headers) == "203.0.113.5"
        assert address_of_refusal(running, running.port, UNDERSCORES) == CLIENT


def test_forwarded_is_safe_behind_a_proxy_that_drops_no_header(
    migrated_instance: Path, tmp_path: Path
) -> None:
    """An nginx that lets every header through sets `Forwarded`, and the address is the client's."""
    block = (
        "underscores_in_headers on; location / { proxy_pass http://127.0.0.1:8080; "
        'proxy_set_header Forwarded "for=$remote_addr"; }'
    )
    assert 'proxy_set_header Forwarded "for=$remote_addr";' in DOCUMENT
    forged = UNDERSCORES + f"Forwarded: for={FORGED}\r\n"
    with (
        server(migrated_instance, tmp_path, NETID_PROXY_HEADER="Forwarded") as running,
        nginx(tmp_path, block, running.port) as port,
    ):
        for headers in orders(forged, HYPHENS):
            assert address_of_refusal(running, port, headers) == CLIENT


def test_documented_nginx_drops_headers_with_underscores(migrated_instance: Path, tmp_path: Path) -> None:
    """Behind the nginx of docs/operating.md, the address is the client's, whichever headers it sends."""
    [block] = re.findall(r"```nginx\n(location / .*?)```", DOCUMENT, re.DOTALL)
    with server(migrated_instance, tmp_path) as running, nginx(tmp_path, block, running.port) as port:
        for headers in (*orders(UNDERSCORES, HYPHENS), *orders(UNDERSCORES, "")):
            assert address_of_refusal(running, port, headers) == CLIENT
