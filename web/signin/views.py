"""The authorization endpoint as a browser sees it (RFC 6749, 3.1), and the paths of the pages of sign-in."""

from flask import Blueprint, Response, request, url_for
from flask.globals import request_ctx

from login import DirectoryUnavailable
from oauth import RedirectedError, UnsafeRequest
from oauth.authorization.request import NO_PROMPT
from web.pages import N_, error_page, guard_forms, prefer_languages, without_form_check
from web.signin.consent import consent
from web.signin.desk import current_desk, current_facts
from web.signin.refusals import note_outage
from web.signin.session_cookie import see_other
from web.signin.sign_in import sign_in
from web.signin.situation import situation_of
from web.signin.steps import carry_out, deliver, tell_of_outage
from web.signin.visit import Stopped

_AWAY = N_(
    "The directory of users cannot be asked right now. You are still signed in. Please try again in a moment."
)
_RETRY = (("Retry-After", "10"),)
# The sentences of `UnsafeRequest`, for the catalogue.
_SENTENCES = (
    N_("The program that sent you here is not registered, or was disabled."),
    N_("The program did not say where the answer goes, as OpenID Connect demands."),
    N_("The program asked for the answer at an address that is not registered for it."),
    N_("The program sent a request that cannot be read."),
    N_("The request names its program, or the address of the answer, more than once."),
    N_("This request is unknown, was used before, or has expired. Start again in the program."),
)


def sign_in_pages() -> Blueprint:
    """The authorization endpoint and the pages `/signin` and `/consent`."""
    pages = Blueprint("signin", __name__)
    guard_forms(pages)
    for path, name in (("/oauth/authorize", "authorize"), ("/authorize", "authorize_alias")):
        view = without_form_check(authorize)
        pages.add_url_rule(path, name, view, methods=["GET", "POST"])
    pages.add_url_rule("/signin", "sign_in", sign_in, methods=["GET", "POST"])
    pages.add_url_rule("/consent", "consent", consent, methods=["GET", "POST"])
    pages.register_error_handler(Stopped, lambda stopped: stopped.page)
    pages.register_error_handler(UnsafeRequest, _unsafe)
    pages.register_error_handler(RedirectedError, lambda error: deliver(error.answer))
    # Every page that asks for the session may meet this one.
    pages.app_errorhandler(DirectoryUnavailable)(_directory_away)
    return pages


def authorize() -> Response:
    """Read a request, and carry out its first step.

    HEAD reads nothing.

    A form of another site brings no `Lax` cookie. So a request by POST is stored, and answered by a redirect
    to a page with its handle alone: to that GET the browser adds the cookie.

    Raises:
        UnsafeRequest, RedirectedError: as `Authorization.read`.
        DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        StoreUnavailable: the database cannot say.
    """
    if request.method == "HEAD":
        # The preview of a link must not use up a pushed request.
        return Response()
    desk = current_desk()
    checked = desk.authorization.read(request_ctx.request, current_facts())
    if checked.ui_locales:
        prefer_languages(" ".join(checked.ui_locales))
    if request.method == "POST":
        flow = desk.flows.begin(checked, None, has_cookie=False)
        return see_other(url_for("signin.sign_in", flow=flow.handle))
    try:
        return carry_out(desk, situation_of(desk, checked))
    except DirectoryUnavailable as trouble:
        if NO_PROMPT not in checked.prompt:
            raise
        return tell_of_outage(desk, checked, trouble)


def _unsafe(error: UnsafeRequest) -> Response:
    return error_page(
        error.description, error.status, title=N_("This request cannot be answered"), error=error.error
    )


def _directory_away(trouble: DirectoryUnavailable) -> Response:
    note_outage(current_desk(), trouble)
    return error_page(
        _AWAY, 503, title=N_("Not available right now"), error="temporarily_unavailable", headers=_RETRY
    )
