"""A program on 127.0.0.1 whose users sign in: another site than localhost, as a browser judges it.

Owns: the request that begins a sign-in, the answers that come back, and pages of another site. Must not know:
our pages.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from tests.clients.conftest import Service

VERIFIER = "a-verifier-of-forty-three-characters-or-more-0"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Answer:
    """An answer that a browser brought to the redirect URI."""

    method: str
    parameters: dict[str, str]


class _Handler(BaseHTTPRequestHandler):
    server: "_Listener"

    def do_GET(self) -> None:
        """Show a page, or take an answer from the query."""
        parts = urlsplit(self.path)
        if parts.path == "/callback":
            self._take(Answer("GET", dict(parse_qsl(parts.query))))
        elif parts.path in self.server.pages:
            self._show(self.server.pages[parts.path])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Take an answer from the form."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._take(Answer("POST", dict(parse_qsl(body.decode()))))

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _take(self, answer: Answer) -> None:
        self.server.answers.append(answer)
        if self.server.onward:
            self.send_response(302)
            self.send_header("Location", self.server.onward)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._show("<!doctype html><title>back</title><h1>Back at the program</h1>")

    def _show(self, page: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page.encode())))
        self.end_headers()
        self.wfile.write(page.encode())


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self.onward: str | None = None
        self.pages: dict[str, str] = {"/favicon.ico": ""}


class RelyingParty:
    """The program, as a test uses it."""

    def __init__(self, listener: _Listener, service: Service) -> None:
        self._listener, self._service = listener, service
        self.url = f"http://127.0.0.1:{listener.server_port}"
        self.redirect_uri = f"{self.url}/callback"

    @property
    def answers(self) -> list[Answer]:
        """What came back so far."""
        return self._listener.answers

    def request(self, client_id: str, **changes: str) -> dict[str, str]:
        """Return the parameters of an authorization request (RFC 6749, 4.1.1), with some changed."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile",
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**asked, **changes}.items() if value}

    def start(self, client_id: str, **changes: str) -> str:
        """Return the URL at which a sign-in begins."""
        return f"{self._service.url}/oauth/authorize?{urlencode(self.request(client_id, **changes))}"

    def page_that_posts(self, client_id: str, path: str = "/authorize", **changes: str) -> str:
        """Publish a page with a form that posts the request to our site, and return its URL."""
        fields = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in self.request(client_id, **changes).items()
        )
        action = f"{self._service.url}{path}"
        form = f'<form method="post" action="{action}">{fields}<button id="begin">Go</button></form>'
        return self.publish("/begin", form)

    def publish(self, path: str, body: str) -> str:
        """Publish a page of this site, and return its URL."""
        self._listener.pages[path] = f"<!doctype html><title>a page</title>{body}"
        return f"{self.url}{path}"

    def lead_on(self, url: str) -> None:
        """Let the redirect URI send each browser on to another URL."""
        self._listener.onward = url

    def exchange(self, client_id: str, code: str) -> requests.Response:
        """Exchange a code for tokens (RFC 6749, 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri,
            "code": code,
            "code_verifier": VERIFIER,
        }
        return requests.post(self._service.token_url, data=form, verify=str(self._service.ca), timeout=10)


@contextmanager
def relying_party(service: Service) -> Iterator[RelyingParty]:
    """Run a program during the block."""
    with _Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield RelyingParty(listener, service)
        finally:
            listener.shutdown()
            thread.join()
