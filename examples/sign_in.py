"""A program that signs its user in with a browser: authorization code with PKCE, and OpenID Connect.

    python examples/sign_in.py https://localhost:8443 CLIENT_ID --ca instance/tls/ca.pem --port 8444

It is a public client on loopback (RFC 8252). It shows the tokens that it gets, which no other program should
do. `Provider` is what a program needs of the protocol: copy it. The rest shows pages. `make run` starts this
program beside the server. It ends at the end of its standard input.
"""

import argparse
import base64
import hashlib
import html
import json
import os
import secrets
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

SCOPE = "openid profile email offline_access"
_TIMEOUT_SECONDS = 5
_LEEWAY_SECONDS = 60
_SIGN_IN_SECONDS = 600
_COOKIE = "sign_in"


class SignInFailed(Exception):
    """The sign-in did not succeed. Its text is a sentence for the user."""


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun: secrets that only this program and one browser know."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    began: float = field(default_factory=time.monotonic)

    @property
    def challenge(self) -> str:
        """The code challenge of the verifier, by the method S256 (RFC 7636, 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Provider:
    """The authorization server, as a public client uses it."""

    def __init__(self, issuer: str, client_id: str, redirect_uri: str, ca: str | None = None) -> None:
        """Take note of the server. It is first asked at the first sign-in.

        Args:
            issuer: the server's URL.
            client_id: of this program.
            redirect_uri: where the server sends the browser back to.
            ca: a file of certificate authorities in PEM form; None for those of the system.
        """
        self._issuer, self._client_id, self._redirect_uri = issuer, client_id, redirect_uri
        self._tls = ssl.create_default_context(cafile=ca)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The server's description of itself (OpenID Connect Discovery 1.0, 4)."""
        answer = self._json(f"{self._issuer}/.well-known/openid-configuration")
        if answer.get("issuer") != self._issuer:
            raise SignInFailed("The server has another name than the one that was asked for.")
        return answer

    def authorization_url(self, attempt: Attempt) -> str:
        """Return the URL at which a sign-in begins (RFC 6749, 4.1.1)."""
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.metadata['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"

    def finish(self, attempt: Attempt, answer: dict[str, str]) -> dict[str, Any]:
        """Exchange the code of an answer for tokens, and verify the ID token.

        Args:
            attempt: the sign-in that this browser began.
            answer: the parameters with which the browser came back.

        Raises:
            SignInFailed: the user or the server refused, or the answer belongs to another sign-in.
        """
        if not secrets.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignInFailed("This browser did not begin this sign-in.")
        if answer.get("iss") != self._issuer:  # RFC 9207: the answer is of the server that was asked
            raise SignInFailed("The answer came from another server.")
        if "code" not in answer:
            raise SignInFailed(answer.get("error_description") or answer.get("error", "No code came."))
        tokens = self._json(
            self.metadata["token_endpoint"],
            {
                "grant_type": "authorization_code",
                "client_id": self._client_id,
                "redirect_uri": self._redirect_uri,
                "code": answer["code"],
                "code_verifier": attempt.verifier,
            },
        )
        claims = self._claims(tokens.get("id_token", ""), attempt)
        return {**tokens, "claims": claims, "user": self._user(tokens["access_token"], claims["sub"])}

    def ask(self, url: str, access_token: str) -> tuple[int, str]:
        """Return status and body of a request with an access token (RFC 6750, 2.1)."""
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {access_token}"})  # noqa: S310
        try:
            with self._open(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def _user(self, access_token: str, sub: str) -> dict[str, Any]:
        """Ask for the user's claims, which belong to the ID token's user (OpenID Connect Core 1.0, 5.3.2)."""
        status, body = self.ask(self.metadata["userinfo_endpoint"], access_token)
        user: dict[str, Any] = json.loads(body) if status == HTTPStatus.OK else {}
        if user.get("sub") != sub:
            raise SignInFailed("The server named no user.")
        return user

    def _claims(self, id_token: str, attempt: Attempt) -> dict[str, Any]:
        """Verify an ID token, and return its claims (OpenID Connect Core 1.0, 3.1.3.7)."""
        try:
            keys = KeySet.import_key_set(self._json(self.metadata["jwks_uri"]))  # type: ignore[arg-type]
            token = jwt.decode(id_token, keys, algorithms=["RS256"])
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                nonce={"essential": True, "value": attempt.nonce},
            ).validate(token.claims)
        except (JoseError, ValueError) as error:
            raise SignInFailed(f"The ID token is not valid: {error}.") from None
        return dict(token.claims)

    def _json(self, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(url, data, {"Accept": "application/json"})  # noqa: S310
        try:
            with self._open(request) as answer:
                loaded: dict[str, Any] = json.load(answer)
                return loaded
        except urllib.error.HTTPError as error:
            raise SignInFailed(f"The server refused: {error.read().decode()}") from None
        except (OSError, ValueError) as error:
            raise SignInFailed(f"The server gave no proper answer: {error}") from None

    def _open(self, request: urllib.request.Request) -> Any:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=self._tls)  # noqa: S310


class Pages(BaseHTTPRequestHandler):
    """The pages of this program. Each browser has a cookie, by which its sign-in is found."""

    server: "Program"

    def do_GET(self) -> None:
        """Answer a page."""
        url = urllib.parse.urlsplit(self.path)
        views = {
            "/": self._start,
            "/sign-in": self._begin,
            "/callback": self._finish,
            "/tokens": self._show,
            "/use": self._use,
        }
        view = views.get(url.path)
        if view is None:
            self._page(HTTPStatus.NOT_FOUND, "There is no such page.", "")
            return
        try:
            view(dict(urllib.parse.parse_qsl(url.query)))
        except SignInFailed as failed:
            self._page(HTTPStatus.BAD_REQUEST, "The sign-in failed.", _paragraph(str(failed)) + _AGAIN)

    def log_message(self, *_: object) -> None:
        """Log nothing: the URLs have codes in them."""

    def _start(self, _: dict[str, str]) -> None:
        body = _paragraph(f"This program knows nobody yet. It sends you to {self.server.issuer}.")
        self._page(HTTPStatus.OK, "A program to try", body + _link("/sign-in", "Sign in", "sign-in"))

    def _begin(self, _: dict[str, str]) -> None:
        attempt, browser = Attempt(), secrets.token_urlsafe(32)
        url = self.server.provider.authorization_url(attempt)
        self.server.remember(browser, attempt)
        self._redirect(url, ("Set-Cookie", f"{_COOKIE}={browser}; HttpOnly; SameSite=Lax; Path=/"))

    def _finish(self, answer: dict[str, str]) -> None:
        attempt = self.server.attempts.pop(self._browser(), None)
        if attempt is None or time.monotonic() - attempt.began > _SIGN_IN_SECONDS:
            raise SignInFailed("This browser began no sign-in, or took too long.")
        self.server.tokens[self._browser()] = self.server.provider.finish(attempt, answer)
        # The browser forgets the URL with the code.
        self._redirect("/tokens")

    def _show(self, _: dict[str, str]) -> None:
        tokens = self._tokens()
        rows = {name: value for name, value in tokens.items() if name not in {"claims", "user"}}
        heading = f"Signed in: {tokens['user'].get('name') or tokens['user']['sub']}"
        body = (
            _paragraph("The server gave this program these tokens:")
            + _table(rows)
            + _paragraph("The ID token is valid, and says:")
            + _table(tokens["claims"])
            + _paragraph("The user's claims:")
            + _table(tokens["user"])
            + _link("/use", "Use the access token", "use")
            + _link(f"{self.server.issuer}/me", "See and end what programs may do", "me")
            + self._sign_out(tokens)
        )
        self._page(HTTPStatus.OK, heading, body)

    def _use(self, _: dict[str, str]) -> None:
        token = self._tokens()["access_token"]
        status, body = self.server.provider.ask(f"{self.server.issuer}/api/me", token)
        again = _link("/use", "Use it again", "use") + _AGAIN
        self._page(HTTPStatus.OK, f"The API answered {status}", f"<pre>{html.escape(body)}</pre>{again}")

    def _sign_out(self, tokens: dict[str, Any]) -> str:
        """A link to sign out at the server too (OpenID Connect RP-Initiated Logout 1.0, 2)."""
        endpoint = self.server.provider.metadata.get("end_session_endpoint")
        hint = urllib.parse.urlencode({"id_token_hint": tokens["id_token"]})
        return _link(f"{endpoint}?{hint}", "Sign out", "sign-out") if endpoint else ""

    def _tokens(self) -> dict[str, Any]:
        """What this browser's sign-in got."""
        tokens = self.server.tokens.get(self._browser())
        if tokens is None:
            raise SignInFailed("This browser is not signed in.")
        return tokens

    def _redirect(self, url: str, *headers: tuple[str, str]) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        for name, value in (("Location", url), ("Content-Length", "0"), *headers):
            self.send_header(name, value)
        self.end_headers()

    def _browser(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        return cookie.value if cookie else ""

    def _page(self, status: HTTPStatus, heading: str, body: str) -> None:
        page = _PAGE.format(heading=html.escape(heading), body=body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)


class Program(ThreadingHTTPServer):
    """The program: its provider, and what each browser has begun and got. Nothing is stored."""

    def __init__(self, listener: socket.socket, issuer: str, client_id: str, ca: str | None) -> None:
        """Serve the connections of a socket that listens on 127.0.0.1."""
        super().__init__(listener.getsockname(), Pages, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.issuer = issuer
        redirect_uri = f"http://127.0.0.1:{listener.getsockname()[1]}/callback"
        self.provider = Provider(issuer, client_id, redirect_uri, ca)
        self.attempts: dict[str, Attempt] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    def remember(self, browser: str, attempt: Attempt) -> None:
        """Keep a sign-in that has begun, and forget those that took too long."""
        oldest = time.monotonic() - _SIGN_IN_SECONDS
        for old in [each for each, begun in list(self.attempts.items()) if begun.began < oldest]:
            self.attempts.pop(old, None)
        self.attempts[browser] = attempt


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _link(url: str, text: str, element_id: str) -> str:
    return f'<p><a id="{element_id}" href="{html.escape(url)}">{html.escape(text)}</a></p>'


def _table(values: dict[str, Any]) -> str:
    rows = (
        f"<tr><th scope='row'>{html.escape(name)}</th><td><code>{html.escape(str(value))}</code></td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


_AGAIN = _link("/", "Begin again", "again")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ background: Canvas; color: CanvasText; font: 1rem/1.5 system-ui, sans-serif; }}
  body {{ margin: 2rem auto; max-width: 50rem; padding: 0 1rem; }}
  table {{ border-collapse: collapse; }}
  th {{ text-align: left; }}
  th, td {{ border-top: 1px solid #8888; padding: .4rem .8rem .4rem 0; vertical-align: top; }}
  code, pre {{ overflow-wrap: anywhere; white-space: pre-wrap; }}
</style>
</head>
<body><main><h1>{heading}</h1>{body}</main></body>
</html>
"""


def _end_with_input() -> None:
    """End the process at the end of its standard input: with the program that started it."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Run the program until it is interrupted."""
    parser = argparse.ArgumentParser(description="Sign in with a browser, and see the tokens.")
    parser.add_argument("issuer")
    parser.add_argument("client_id")
    parser.add_argument("--ca")
    parser.add_argument("--port", type=int, default=8444)
    parser.add_argument("--socket", type=int, help="the descriptor of a socket that listens already")
    given = parser.parse_args()
    if given.socket is None:
        listener = socket.create_server(("127.0.0.1", given.port))
    else:
        listener = socket.socket(fileno=given.socket)
    with Program(listener, given.issuer, given.client_id, given.ca) as program:
        threading.Thread(target=_end_with_input, daemon=True).start()
        program.serve_forever()


if __name__ == "__main__":
    main()
