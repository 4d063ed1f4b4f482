"""A program sends its user here to sign out (OpenID Connect RP-Initiated Logout 1.0, 2).

Nothing here redirects. A request says where its user may go afterwards, and only an address that its client
registered, letter by letter, is such a place (3). Whatever is wrong with a request, its user may still sign
out here, but does not go back to the program.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlencode

from flask import Request

from oauth.clients.redirect_uris import REDIRECT_URI_LENGTH
from oauth.errors import BodyTooLarge, malformed
from oauth.server import Server
from oauth.token_request import BODY_LIMIT, ParameterNames, TokenRequest, parse_pairs, read_form
from oauth.tokens.id_token_hint import HINT_LENGTH, read_hint
from oauth.tokens.session_ids import sid_of

_LENGTHS: Mapping[str, int] = {
    "id_token_hint": HINT_LENGTH,
    "client_id": 255,
    "post_logout_redirect_uri": REDIRECT_URI_LENGTH,
    "state": 4096,
    "ui_locales": 255,
}
_STORED = ("client_id", "redirect_uri", "state", "sid", "ui_locales")
_NAMES = ParameterNames(frozenset(_LENGTHS), frozenset())


class Fault(StrEnum):
    """What is wrong with a request, so that its user does not go back to the program."""

    HINT = "hint"
    CLIENT = "client"
    REDIRECT_URI = "redirect_uri"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """A checked request. `redirect_uri` is an address that its client registered.

    `sid` is that of a verified hint. `ui_locales` and `client_name` are for the page.
    """

    client_id: str | None = None
    client_name: str | None = None
    redirect_uri: str | None = None
    state: str | None = None
    sid: str | None = None
    is_hinted: bool = False
    ui_locales: str | None = None
    fault: Fault | None = None

    @property
    def return_url(self) -> str | None:
        """Where the user goes afterwards, with the `state`; None: to no other site."""
        if self.redirect_uri is None or self.state is None:
            return self.redirect_uri
        base, mark, query = self.redirect_uri.partition("?")
        return f"{base}?{query}{'&' if mark and query else ''}{urlencode({'state': self.state})}"

    def proves(self, session_id: bytes) -> bool:
        """Whether the hint belongs to this session, so that the program need not ask its user again (2).

        Args:
            session_id: the session of the user's browser.
        """
        if self.sid is None or self.client_id is None or self.fault is not None:
            return False
        return hmac.compare_digest(self.sid.encode(), sid_of(session_id, self.client_id).encode())

    def stored(self) -> dict[str, object]:
        """The request as it may be stored. It holds no ID token."""
        kept = {name: getattr(self, name) for name in (*_STORED, "is_hinted", "fault")}
        return {name: value for name, value in kept.items() if value}


class EndSession:
    """Reads logout requests. The pages answer them."""

    ENDPOINT_NAME = "logout"
    PATHS = ("/oauth/logout",)
    HTTP_METHODS = ("GET", "POST")
    CORS = False
    METADATA: ClassVar[Mapping[str, str | bool]] = {
        "end_session_endpoint": PATHS[0],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }

    def __init__(self, server: Server) -> None:
        """Take the server.

        Args:
            server: knows clients, keys and the issuer.
        """
        self._server = server

    def read(self, http_request: Request) -> LogoutRequest:
        """The checked request of a browser. What is wrong with it is logged.

        Args:
            http_request: by GET with a query, or by POST with a form.

        Raises:
            OAuth2Error: `invalid_request`: the parameters cannot be read.
            StoreUnavailable: the database cannot say.
        """
        request = self._settled(self._hinted(_read(http_request)))
        if request.fault is not None:
            facts = TokenRequest(http_request, issuer=self._server.issuer).facts()
            named = {**facts, "client_id": request.client_id}
            self._server.log.info("logout.request_faulty", reason=request.fault.value, **named)
        return request

    def restore(self, stored: Mapping[str, object]) -> LogoutRequest:
        """Check a stored request again: its client may have been changed or disabled meanwhile.

        Args:
            stored: as `LogoutRequest.stored` gave it.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        texts = {name: value for name in _STORED if isinstance(value := stored.get(name), str)}
        fault = next((each for each in Fault if each == stored.get("fault")), None)
        return self._settled(LogoutRequest(**texts, is_hinted=bool(stored.get("is_hinted")), fault=fault))

    def _hinted(self, sent: Mapping[str, str]) -> LogoutRequest:
        """The request with the client that it names, by its hint or by its id; the two must agree (2)."""
        request = LogoutRequest(
            client_id=sent.get("client_id"),
            redirect_uri=sent.get("post_logout_redirect_uri"),
            state=sent.get("state"),
            ui_locales=sent.get("ui_locales"),
        )
        if "id_token_hint" not in sent:
            return request
        hint = read_hint(sent["id_token_hint"], self._server.token_issuer.keys, self._server.issuer)
        if hint is None or request.client_id not in {None, hint.client_id}:
            return replace(request, client_id=None, fault=Fault.HINT)
        return replace(request, client_id=hint.client_id, sid=hint.sid, is_hinted=True)

    def _settled(self, request: LogoutRequest) -> LogoutRequest:
        """The request with what its client's registration says now."""
        client = self._server.stores.clients.get(request.client_id) if request.client_id else None
        if client is not None and client.disabled_at is not None:
            client = None
        fault = request.fault
        if fault is None and client is None and request.client_id is not None:
            fault = Fault.CLIENT
        registered = client.post_logout_redirect_uris if client else ()
        if fault is None and request.redirect_uri is not None and request.redirect_uri not in registered:
            fault = Fault.REDIRECT_URI
        return replace(
            request,
            client_name=client.client_name if client else None,
            redirect_uri=request.redirect_uri if fault is None else None,
            fault=fault,
        )


def _read(request: Request) -> Mapping[str, str]:
    """The parameters that are read. An empty one counts as omitted; all others are ignored.

    Raises:
        OAuth2Error: `invalid_request`, with a constant sentence.
    """
    if request.method == "POST":
        pairs = parse_pairs(read_form(request, _NAMES))
    elif len(request.query_string) > BODY_LIMIT:
        raise BodyTooLarge
    else:
        pairs = parse_pairs(request.query_string)
    sent: dict[str, str] = {}
    for name, value in pairs:
        if name not in _LENGTHS:
            continue
        if name in sent:
            raise malformed(f"The parameter {name} is given more than once.")
        if len(value) > _LENGTHS[name]:
            raise malformed(f"The parameter {name} is too long.")
        sent[name] = value
    return {name: value for name, value in sent.items() if value}
