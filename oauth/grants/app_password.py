"""What a refusal means for the app password of a request: some refusals end it.

Owns: which refusals end an app password, and their audit rows. A lock ends none: anyone can lock another's
account. Must not know: how a login or a refresh is checked.
"""

from typing import TYPE_CHECKING

from login import AppPasswordLoginRefused, Refusal
from oauth.grants.missing_person import note_missing_person
from oauth.token_request import TokenRequest

if TYPE_CHECKING:
    from oauth.server import Server

DISABLED, PASSWORD_CHANGED = Refusal.DISABLED.value, "password_changed"
_ENDED = "app_password.ended"


def end_app_password(
    server: "Server", request: TokenRequest, app_password_id: bytes, subject: str, reason: str
) -> None:
    """End an app password with every token that it gave, and say so in the audit and the log.

    Args:
        server: with the stores.
        request: the request that showed the reason.
        app_password_id: the app password.
        subject: the stable id of its user.
        reason: a constant word.

    Raises:
        StoreUnavailable: nothing has ended.
    """
    request.app_password_id = app_password_id
    event = server.audit.event(_ENDED, request, subject=subject, reason=reason)
    if server.stores.app_passwords.end(app_password_id, reason, event):
        server.log.warning(event.event, **event.facts())


def note_refused_app_password(
    server: "Server", request: TokenRequest, refusal: AppPasswordLoginRefused
) -> None:
    """End the app password of a refused login, if its account is disabled or its password has changed.

    The app passwords of a user who is not in the directory end once that is confirmed.

    Args:
        server: with the stores.
        request: the login.
        refusal: of the login.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    record = refusal.record
    if record is None:
        return
    request.app_password_id = record.id
    if refusal.must_end:
        reason = DISABLED if refusal.reason is Refusal.DISABLED else PASSWORD_CHANGED
        end_app_password(server, request, record.id, record.subject, reason)
    elif refusal.reason is Refusal.UNKNOWN_PERSON:
        event = server.audit.event(
            "grant.revoked", request, subject=record.subject, reason=refusal.reason.value
        )
        note_missing_person(server.stores.missing_people, server.log, event, refusal.servers, request.facts())
