"""Requests that wait at a user's browser, each under a handle.

A handle is all that the browser carries from page to page. It names a stored row, by its digest, which lives
a day: a form that was left open loses nothing. A flow belongs to a client's authorization request, or to a
page of this server that needs a user.

Owns: what a row holds, and that a flow never leads to another site than ours or its client's. Must not know:
pages, sessions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from urllib.parse import urlsplit

from models import RequestStore
from oauth import AuthorizationRequest
from oauth.tokens.handles import handle_key, new_handle

_LIFETIME: Final = 86_400
_BROWSER: Final = "browser"
# The members of a row.
_REQUEST, _NEXT, _COOKIE, _CHOSEN, _ANSWERED = "request", "next", "cookie", "chosen", "answered_at"


@dataclass(frozen=True, slots=True)
class Flow:
    """A request that waits for its user. Times are seconds since the epoch.

    Attributes:
        handle: what the browser carries.
        client_id: its client; None where the browser came for a page of ours.
        parameters: those of the authorization request, to be checked again at each step.
        next: the path of the page of ours.
        began_at: when it came.
        cookie: the digest (hexadecimal) of the session cookie that the browser had then; empty for none, and
            None if it is not known, since another site's form brings no cookie. A flow for a page of ours has
            it if the user must type the password again.
        has_chosen: whether the user chose to go on with the signed-in account.
        answered_at: when the client got its first answer.
    """

    handle: str
    client_id: str | None
    parameters: Mapping[str, Any]
    next: str | None
    began_at: int
    cookie: str | None = None
    has_chosen: bool = False
    answered_at: int | None = None

    def is_fresh(self, cookie_digest: bytes, auth_time: int) -> bool:
        """Whether a sign-in came after this request.

        The cookie changes at each sign-in, which tells apart two within one second. The time matters too: a
        handle may be opened in another browser than it began in.

        Args:
            cookie_digest: of the session's cookie.
            auth_time: when its user signed in.
        """
        return self.cookie is not None and self.cookie != cookie_digest.hex() and auth_time >= self.began_at


class Flows:
    """The flows of one server. Each method raises StoreUnavailable if the database cannot say."""

    def __init__(self, store: RequestStore, now: Callable[[], float]) -> None:
        """Take the store.

        Args:
            store: keeps the requests.
            now: seconds since the epoch.
        """
        self._store = store
        self._now = now

    def begin(self, request: AuthorizationRequest, cookie_digest: bytes | None, *, has_cookie: bool) -> Flow:
        """Store a client's request.

        Args:
            request: as it was checked.
            cookie_digest: of the browser's live session, if there is one.
            has_cookie: whether the browser could send a cookie. It cannot with the form of another site.
        """
        digest = cookie_digest.hex() if cookie_digest else ""
        flow = Flow(
            handle=new_handle().text,
            client_id=request.client.client_id,
            parameters=request.parameters,
            next=None,
            began_at=int(self._now()),
            cookie=digest if has_cookie else None,
        )
        self._add(flow)
        return flow

    def begin_page(self, path: str, *, signed_in_before: bytes | None = None) -> Flow:
        """Store that the browser is to go on to a page of ours.

        Args:
            path: the URL path of the page, with its query. Code of ours gives it, never a request.
            signed_in_before: the digest of the session's cookie, if its user must type the password again.

        Raises:
            ValueError: it is not a path on this server.
        """
        parts = urlsplit(path)
        if parts.scheme or parts.netloc or not path.startswith("/") or "\\" in path or not path.isprintable():
            raise ValueError("A flow leads to a path on this server only.")
        handle = new_handle().text
        digest = signed_in_before.hex() if signed_in_before else None
        flow = Flow(handle, None, {}, next=path, began_at=int(self._now()), cookie=digest)
        self._add(flow)
        return flow

    def find(self, handle: str | None) -> Flow | None:
        """The flow of a handle; None if there is none, or it has expired.

        Args:
            handle: as the browser sent it.
        """
        key = handle_key(handle) if handle else None
        stored = self._store.find(key, _BROWSER) if key else None
        if handle is None or stored is None:
            return None
        held: Mapping[str, Any] = stored.parameters
        return Flow(
            handle=handle,
            client_id=stored.client_id,
            parameters=held.get(_REQUEST, {}),
            next=held.get(_NEXT),
            began_at=stored.created_at,
            cookie=held.get(_COOKIE),
            has_chosen=bool(held.get(_CHOSEN)),
            answered_at=held.get(_ANSWERED),
        )

    def note_cookie(self, flow: Flow, cookie_digest: bytes | None) -> Flow:
        """Note which session the browser has at the first page of a flow that another site's form began.

        Args:
            flow: the flow.
            cookie_digest: of the browser's live session, if there is one.
        """
        return self._change(replace(flow, cookie=cookie_digest.hex() if cookie_digest else ""))

    def note_choice(self, flow: Flow) -> Flow:
        """Note that the user goes on with the signed-in account.

        Args:
            flow: the flow.
        """
        return self._change(replace(flow, has_chosen=True))

    def note_answer(self, flow: Flow) -> None:
        """Note that the client got an answer. The first time stays.

        Args:
            flow: the flow.
        """
        if flow.answered_at is None:
            self._change(self._answered(flow))

    def note_answer_beside(self, flow: Flow | None) -> Sequence[Callable[..., object]]:
        """The same note as writes of the transaction that stores the code; none if there is nothing to note.

        Args:
            flow: the flow, if there is one.
        """
        if flow is None or flow.answered_at is not None:
            return ()
        return [self._store.change_beside(_key(flow), _BROWSER, _row(self._answered(flow)))]

    def _answered(self, flow: Flow) -> Flow:
        return replace(flow, answered_at=int(self._now()))

    def _add(self, flow: Flow) -> None:
        ends = flow.began_at + _LIFETIME
        self._store.add(_key(flow), _BROWSER, flow.client_id, _row(flow), ends)

    def _change(self, flow: Flow) -> Flow:
        self._store.change(_key(flow), _BROWSER, _row(flow))
        return flow


def _key(flow: Flow) -> bytes:
    # `new_handle` made the handle of every flow, so it has a key.
    return cast("bytes", handle_key(flow.handle))


def _row(flow: Flow) -> dict[str, object]:
    if flow.next is not None:
        return {_NEXT: flow.next, **({} if flow.cookie is None else {_COOKIE: flow.cookie})}
    row: dict[str, object] = {_REQUEST: dict(flow.parameters), _COOKIE: flow.cookie}
    if flow.has_chosen:
        row[_CHOSEN] = True
    if flow.answered_at is not None:
        row[_ANSWERED] = flow.answered_at
    return row
