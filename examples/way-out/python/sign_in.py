"""Signs the user of a program in: with a code on a second screen, or in the browser of this computer.

Copy this file beside your program, unchanged. It needs Authlib and requests. The user signs in once: the
refresh token stays in a file that only this user can read, and the next run uses it.
"""

import os
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException

KEPT = Path(os.environ.get("TOKEN_FILE", Path.home() / f".{Path(sys.argv[0]).stem}-token"))
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def by_device(session: OAuth2Session, server: str) -> None:
    """Show a code, and wait until the user has entered it on any screen (RFC 8628)."""
    if _resume(session, server):
        return
    form, client = {"scope": session.scope}, session.client_auth(session.token_endpoint_auth_method)
    asked = session.post(f"{server}/oauth/device", form, auth=client, withhold_token=True, timeout=10)
    asked.raise_for_status()
    device = asked.json()
    print(f"Open {device['verification_uri']} and enter {device['user_code']}", file=sys.stderr, flush=True)
    interval, deadline = device.get("interval", 5), time.monotonic() + device["expires_in"]
    while time.monotonic() < deadline:
        time.sleep(interval)
        try:
            _fetch(session, server, grant_type=DEVICE_CODE, device_code=device["device_code"])
        except OAuthError as error:
            if error.error not in {"authorization_pending", "slow_down"}:
                raise
            interval += 5 if error.error == "slow_down" else 0
        except RequestException:  # the server is away: ask again
            continue
        else:
            return
    sys.exit("The code has expired: begin again.")


def by_browser(session: OAuth2Session, server: str) -> None:
    """Send the user to the server, and wait for the browser on loopback (RFC 7636, RFC 8252)."""
    if _resume(session, server):
        return
    verifier, session.code_challenge_method = secrets.token_urlsafe(32), "S256"
    with HTTPServer(("127.0.0.1", 0), _Callback) as listener:
        session.redirect_uri = f"http://127.0.0.1:{listener.server_port}/callback"
        url, state = session.create_authorization_url(f"{server}/oauth/authorize", code_verifier=verifier)
        print(f"Open {url}", file=sys.stderr, flush=True)
        _Callback.answer = {}
        while not _Callback.answer:
            listener.handle_request()
    came = _Callback.answer
    if came.get("iss") != server or not secrets.compare_digest(came.get("state", ""), state):  # RFC 9207
        sys.exit("The answer belongs to another sign-in.")
    if "code" not in came:
        sys.exit(f"Not signed in: {came.get('error_description') or came.get('error')}")
    _fetch(session, server, code=came["code"], code_verifier=verifier, redirect_uri=session.redirect_uri)


class _Callback(BaseHTTPRequestHandler):
    """The address to which the browser returns."""

    answer: dict[str, str]
    timeout = 2  # seconds: a browser opens connections in advance, and sends nothing through them

    def do_GET(self) -> None:
        """Keep what the browser brings."""
        url = urlsplit(self.path)
        is_callback = url.path == "/callback"
        if is_callback:
            _Callback.answer = dict(parse_qsl(url.query))
        self.send_response(200 if is_callback else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"You may close this page.")

    def log_message(self, *_: object) -> None:
        """Log nothing: the address has a code in it."""


def _resume(session: OAuth2Session, server: str) -> bool:
    """Use the refresh token of the last run. Return whether it still works."""
    if not KEPT.exists():
        return False
    try:
        _fetch(session, server, grant_type="refresh_token", refresh_token=KEPT.read_text("ascii"))
    except OAuthError as error:
        if error.error != "invalid_grant":  # revoked or too old: the user signs in again
            raise
        return False
    return True


def _fetch(session: OAuth2Session, server: str, **form: str) -> None:
    """Get a token, and keep its refresh token. No other user can read the file."""
    token: dict[str, Any] = session.fetch_token(f"{server}/oauth/token", timeout=10, **form)
    if "refresh_token" in token:
        new = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token["refresh_token"])
        new.replace(KEPT)
