"""Sends the logout notices that wait in the database (OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8).

Every worker of every node runs a sender. A sender claims a notice before it sends it, and a claim holds for
longer than a request may take, so each notice is sent by one sender at a time. A sender that dies leaves its
claim to end, and the notice is sent again.

A client that does not answer must not hold up the others. So each client has its turn in a thread of its own,
and after a failure, or too long a turn, the client's other notices wait for the next try.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from models import Client, ClientStore, LogoutNotice, LogoutNoticeStore, StoreUnavailable
from oauth.logout.logout_token import logout_token
from oauth.tokens.signing_keys import SigningKeys
from outgoing import Answer, OutgoingFailed
from telemetry import Log

# How long a notice waits for a sender that has nothing to do.
_POLL_SECONDS: Final = 2.0
_BATCH: Final = 64
_THREADS: Final = 4
_TURN_SECONDS: Final = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE, _MOST_DOUBLINGS = 30, 3600, 7
_NAME: Final = "logout notices"
# 200 is the answer of the specification; frameworks make 204 of an empty one (2.8).
_TAKEN: Final = frozenset({200, 204})


class Post(Protocol):
    """Sends a form to a URL that an operator registered for a client."""

    def __call__(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Send it.

        Raises:
            OutgoingFailed: there is no answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What sending needs.

    Attributes:
        store: the notices.
        clients: the clients, whose current registration counts.
        keys: sign logout tokens.
        issuer: the public base URL.
        post: sends a form.
        longest: the seconds after which `post` gives up.
        clock: seconds since the epoch.
        log: receives a line for each try.
    """

    store: LogoutNoticeStore
    clients: ClientStore
    keys: SigningKeys
    issuer: str
    post: Post
    longest: float
    clock: Callable[[], float]
    log: Log


class NoticeSender:
    """Sends due notices, in a thread of the process."""

    def __init__(self, sending: Sending, context: Callable[[], AbstractContextManager[object]]) -> None:
        """Send nothing yet.

        Args:
            sending: what sending needs.
            context: the context in which a thread may use the database.
        """
        self._sending = sending
        self._context = context
        self._database_is_away = False

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        threading.Thread(target=self.run, args=(threading.Event().wait,), name=_NAME, daemon=True).start()

    def run(self, wait: Callable[[float], object]) -> None:
        """Look for due notices and send them, until the process ends.

        Args:
            wait: waits some seconds before the next look; the loop ends if it returns something true.
        """
        while True:
            # Another batch may be due at once, unless none of this one could be claimed.
            if self._attempt() == 0 and wait(_POLL_SECONDS):
                return

    def send_due(self) -> int:
        """Send the notices that are due, each client's in a thread of its own.

        Returns:
            How many this sender has claimed.

        Raises:
            StoreUnavailable: the database cannot say which are due.
        """
        with self._context():
            due = self._sending.store.due(int(self._sending.clock()), _BATCH)
        turns: dict[str, list[LogoutNotice]] = {}
        for notice in due:
            turns.setdefault(notice.client_id, []).append(notice)
        waiting, claimed = list(turns.values()), list[int]()
        threads = [
            threading.Thread(target=self._take_turns, args=(waiting, claimed), name=_NAME, daemon=True)
            for _ in range(min(_THREADS, len(waiting)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(claimed)

    def _attempt(self) -> int:
        """Send what is due, whatever happens. An outage of the database is logged once."""
        try:
            claimed = self.send_due()
        except StoreUnavailable as error:
            if not self._database_is_away:
                self._sending.log.warning("database.unavailable", cause=error.cause)
            self._database_is_away = True
            return 0
        except Exception as error:
            # Without this thread no client would be told.
            self._sending.log.error("unexpected", exc_info=error)  # noqa: TRY400 - our log's own method
            return 0
        self._database_is_away = False
        return claimed

    def _take_turns(self, waiting: list[list[LogoutNotice]], claimed: list[int]) -> None:
        """Give each client its turn, until none waits. `pop` and `append` of a list are atomic."""
        while True:
            try:
                notices = waiting.pop()
            except IndexError:
                return
            turn = _Turn(self._sending)
            try:
                with self._context():
                    turn.send(notices)
            except StoreUnavailable as error:
                self._sending.log.warning("database.unavailable", cause=error.cause)
            except Exception as error:
                # The other clients have their turn.
                self._sending.log.error("unexpected", exc_info=error)  # noqa: TRY400
            claimed.append(turn.claimed)


class _Turn:
    """The turn of one client. `claimed` counts the notices that it took."""

    def __init__(self, sending: Sending) -> None:
        self.claimed = 0
        self._to = sending
        self._ends = monotonic() + _TURN_SECONDS
        self._failed = False

    def send(self, notices: Sequence[LogoutNotice]) -> None:
        """Send a client's notices in their order, until one fails or the time is up.

        Raises:
            StoreUnavailable: the database failed; a claimed notice is due again later.
        """
        client = self._to.clients.get(notices[0].client_id)
        for notice in notices:
            # Unless it is sent now, it is due again after a pause that grows with each try.
            pause = min(_FIRST_PAUSE << min(notice.attempts, _MOST_DOUBLINGS), _LONGEST_PAUSE)
            next_due = int(self._to.clock() + self._to.longest) + 1 + pause
            if not self._to.store.claim(notice.id, notice.attempts, next_due):
                continue
            self.claimed += 1
            may_try = not self._failed and monotonic() < self._ends
            if not (may_try and self._is_done(client, notice)) and next_due >= notice.expires_at:
                self._finish(notice, "logout.notice_given_up")

    def _is_done(self, client: Client | None, notice: LogoutNotice) -> bool:
        """Send a notice. False if it has to be sent again."""
        # The registration of now counts: an operator may have corrected the URL, or disabled the client.
        uri = client.backchannel_logout_uri if client and client.disabled_at is None else None
        if client is None or uri is None:
            self._finish(notice, "logout.notice_dropped")
            return True
        now = int(self._to.clock())
        fault = self._post(uri, logout_token(self._to.keys, self._to.issuer, client, notice, now))
        if fault is None:
            self._finish(notice, "logout.notice_sent")
            return True
        self._failed = True
        self._to.log.warning("logout.notice_failed", cause=fault, **_facts(notice))
        return False

    def _post(self, uri: str, token: str) -> str | None:
        """Send a logout token; the cause if the client did not take it."""
        try:
            answer = self._to.post(uri, {"logout_token": token})
        except OutgoingFailed as failed:
            return str(failed)
        return None if answer.status in _TAKEN else f"the answer was {answer.status}"

    def _finish(self, notice: LogoutNotice, event: str) -> None:
        self._to.store.delete(notice.id)
        write = self._to.log.warning if event == "logout.notice_given_up" else self._to.log.info
        write(event, **_facts(notice))


def _facts(notice: LogoutNotice) -> dict[str, object]:
    return {"client_id": notice.client_id, "attempt": notice.attempts + 1}
