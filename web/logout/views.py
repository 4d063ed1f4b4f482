"""`/oauth/logout`, to which programs send their users, and the page `/logout` (RP-Initiated Logout 1.0, 2).

The endpoint stores what a program asks for, and sends the browser on with a handle: a form of another site
brings no session cookie (`SameSite=Lax`), but the redirect after it does. The page then ends the session at
once, if the program's hint belongs to it. Otherwise it asks the user.

No directory is asked: a user can sign out while it is away.
"""

from dataclasses import replace
from typing import Final

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, request, url_for
from flask import session as browser_session

from oauth import Server
from oauth.logout.request import EndSession, LogoutRequest
from oauth.tokens.handles import handle_key, new_handle
from web.pages import (
    N_,
    PageForm,
    current_look,
    error_page,
    guard_forms,
    prefer_languages,
    render_page,
    shows_form_again,
    without_form_check,
)
from web.signin.desk import Active, current_desk, current_event
from web.signin.session_cookie import COOKIE, forget_session, see_other

KIND: Final = "logout"
_SECONDS: Final = 3600
_UNREADABLE: Final = N_("The program sent a request to sign out that cannot be read.")


class LogoutForm(PageForm):
    """The button by which a user signs out."""


def logout_pages(server: Server) -> Blueprint:
    """The endpoint and the page.

    Args:
        server: the authorization server, which then publishes the endpoint.
    """
    logout, end_session = _Logout(server), EndSession(server)
    server.declared.add(end_session)
    pages = Blueprint("logout", __name__)
    guard_forms(pages)

    @without_form_check
    def receive() -> Response:
        try:
            asked = end_session.read(request)
        except OAuth2Error as error:
            return error_page(_UNREADABLE, error.status_code, error=error.error)
        return logout.store(asked)

    @shows_form_again
    def page() -> Response:
        return logout.answer(LogoutForm(), logout.find(request.args.get("flow")))

    for path in EndSession.PATHS:
        pages.add_url_rule(path, "end_session", receive, methods=EndSession.HTTP_METHODS)
    pages.add_url_rule("/logout", "page", page, methods=["GET", "POST"])
    return pages


class _Logout:
    """Answers requests to sign out."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._end_session = EndSession(server)

    def store(self, asked: LogoutRequest) -> Response:
        """Store what a program asks for, and send the browser on to the page."""
        stored = asked.stored()
        if not stored:
            return see_other(url_for("logout.page"))
        handle, ends = new_handle(), self._server.now() + _SECONDS
        self._server.stores.requests.add(handle.key, KIND, asked.client_id, stored, ends)
        return see_other(url_for("logout.page", flow=handle.text))

    def find(self, handle: str | None) -> LogoutRequest:
        """What a program asked for; nothing if the handle is unknown or too old."""
        key = handle_key(handle) if handle else None
        found = self._server.stores.requests.find(key, KIND) if key else None
        return self._end_session.restore(found.parameters) if found else LogoutRequest()

    def answer(self, form: LogoutForm, asked: LogoutRequest) -> Response:
        """End the session, or ask whether to end it."""
        prefer_languages(asked.ui_locales)
        active = current_desk().sessions.remembered(request.cookies.get(COOKIE))
        if active is None:
            return self._leave(asked, is_confirmed=asked.is_hinted)
        is_confirmed = request.method == "POST" and form.is_sent()
        if not is_confirmed and not (request.method == "GET" and asked.proves(active.stored.id)):
            return self._ask(form, asked, active)
        self._end(active, asked)
        return self._leave(asked, is_confirmed=True)

    def _end(self, active: Active, asked: LogoutRequest) -> None:
        # The next user of this browser gets another form token.
        browser_session.clear()
        event = replace(current_event(), client_id=asked.client_id)
        current_desk().sessions.end(active.stored, event=event, reason="logout")

    def _leave(self, asked: LogoutRequest, *, is_confirmed: bool) -> Response:
        """Send the browser back to the program, or say that the user is signed out.

        Without a hint and without a question, nobody has confirmed that the program sent the user (3): then
        there is a link.
        """
        url = asked.return_url
        if url is not None and is_confirmed:
            response = see_other(url)
        elif request.method == "POST":
            response = see_other(url_for("logout.page"))
        else:
            response = render_page("signed_out.html", url=url, program=asked.client_name)
        # The form of another site brings no cookie. Taking it away then would let any site sign users out.
        if COOKIE in request.cookies:
            forget_session(response)
        return response

    def _ask(self, form: LogoutForm, asked: LogoutRequest, active: Active) -> Response:
        url = asked.return_url
        return render_page(
            "logout.html",
            400 if form.errors else 200,
            form_action=("'self'",) if url is None else ("'self'", *current_look().client_targets(url)),
            form=form,
            flow=request.args.get("flow"),
            asked=asked,
            net_id=active.stored.net_id,
        )
