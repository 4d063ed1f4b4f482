"""The flow that a page was opened for: found by its handle, checked again, and open for an answer."""

from dataclasses import dataclass
from typing import Final

from flask import Response, request

from oauth import AuthorizationRequest
from web.pages import N_, error_page, prefer_languages
from web.signin.desk import SignInDesk, current_facts
from web.signin.flows import Flow

# A form that is sent twice within these seconds is answered twice: the browser shows only the second answer.
_DOUBLE_SUBMIT_SECONDS: Final = 60
_EXPIRED: Final = N_(
    "This sign-in is unknown or has expired. Please go back to the program, and start again there."
)
_ANSWERED: Final = N_(
    "You have finished this sign-in already. Please go back to the program. You can start again there."
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page was opened for: a flow, and its client's request, unless it is for a page of ours."""

    flow: Flow
    request: AuthorizationRequest | None


class Stopped(Exception):
    """The page cannot be shown; `page` is shown in its place."""

    def __init__(self, page: Response) -> None:
        """Take the page."""
        super().__init__()
        self.page = page


def read_visit(desk: SignInDesk) -> Visit | None:
    """The visit of the current HTTP request; None if it names no flow.

    Args:
        desk: the parts.

    Raises:
        Stopped: the flow is unknown, has expired or was answered.
        UnsafeRequest: the client was disabled meanwhile, or has lost the redirect URI.
        RedirectedError: the client may not ask for this any more.
        StoreUnavailable: the database cannot say.
    """
    handle = request.args.get("flow")
    if handle is None:
        return None
    flow = desk.flows.find(handle)
    if flow is None:
        raise Stopped(error_page(_EXPIRED, 400, title=N_("This sign-in has expired")))
    if flow.client_id is None:
        return Visit(flow, None)
    checked = desk.authorization.restore(flow.parameters, flow.client_id, current_facts())
    if checked.ui_locales:
        prefer_languages(" ".join(checked.ui_locales))
    if flow.answered_at is not None:
        is_repeated = request.method == "POST" and desk.now() - flow.answered_at < _DOUBLE_SUBMIT_SECONDS
        if not is_repeated:
            raise Stopped(error_page(_ANSWERED, 400, title=N_("You have signed in already")))
    return Visit(flow, checked)
