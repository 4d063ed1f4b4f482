"""`/me`: the user's own page. Each button ends one thing of the user who is signed in."""

from typing import Any, Final

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _
from wtforms import HiddenField

from models import SignInSession
from web.me.account import Account, label_of
from web.me.browsers import browser_words
from web.me.new_app_password import new_app_password
from web.pages import N_, PageForm, guard_forms, render_page, scope_words, shows_form_again
from web.signin import current_session, forget_session, require_sign_in
from web.signin.desk import current_event
from web.signin.session_cookie import see_other

_ENDPOINT: Final = "me.overview"
# What the page says after a button, by the value of the parameter `ended`.
_PROGRAM, _SESSION, _APP_PASSWORD = "program", "session", "app_password"
_CHANGED: Final = N_("Your account or the request has changed in the meantime. Please look again.")


class AccountForm(PageForm):
    """The buttons of the page, and the session whose page it is."""

    seen = HiddenField()


def own_page(account: Account) -> Blueprint:
    """`/me` and `/me/app-passwords/new`, for the user who is signed in.

    Args:
        account: what the user may see and end.
    """
    pages = Blueprint("me", __name__)
    guard_forms(pages)

    @pages.route("/me", methods=["GET", "POST"])
    @shows_form_again
    def overview() -> Response:
        """The programs and the sessions of the user, and what a button ends."""
        active = current_session()
        if active is None:
            return require_sign_in(url_for(_ENDPOINT))
        form, seen = AccountForm(), label_of(active.stored)
        is_sent, was_seen = form.is_sent(), form.seen.data
        if is_sent and was_seen == seen:
            return _end(account, active.stored)
        # Another user may have signed in in another tab. The token has changed then too.
        has_changed = is_sent or (form.errors and was_seen and was_seen != seen)
        problem = _(_CHANGED) if has_changed else None
        form.seen.data = seen
        status = 400 if is_sent or form.errors else 200
        return render_page("me.html", status, form=form, problem=problem, **_shown(account, active.stored))

    @pages.route("/me/app-passwords/new", methods=["GET", "POST"], endpoint="new_app_password")
    @shows_form_again
    def new() -> Response:
        """Make an app password, which the answer shows this once."""
        return new_app_password(account)

    return pages


def _end(account: Account, user: SignInSession) -> Response:
    """End what the pressed button names."""
    if client_id := request.form.get("program"):
        has_ended = account.end_program(user, client_id, current_event())
        return _again(_PROGRAM if has_ended else None)
    if label := request.form.get("app_password"):
        has_ended = account.app_passwords.end(user, label, current_event())
        return _again(_APP_PASSWORD if has_ended else None)
    if label := request.form.get("session"):
        ended = account.end_session(user, label, current_event())
        if ended is not None and ended.id == user.id:
            return _signed_out()
        return _again(None if ended is None else _SESSION)
    if request.form.get("everywhere"):
        account.end_all_sessions(user, current_event())
        return _signed_out()
    return _again(None)


def _again(ended: str | None) -> Response:
    return see_other(url_for(_ENDPOINT, ended=ended))


def _signed_out() -> Response:
    response = render_page("signed_out.html")
    forget_session(response)
    return response


def _shown(account: Account, user: SignInSession) -> dict[str, Any]:
    descriptions = account.descriptions()
    return {
        "net_id": user.net_id,
        "ended": request.args.get("ended"),
        "programs": [
            (program, scope_words(program.scope, descriptions)) for program in account.programs(user)
        ],
        "offers_app_passwords": account.app_passwords.rules.can_read,
        "app_passwords": [
            (each, scope_words(each.stored.scope, descriptions))
            for each in account.app_passwords.list_of(user)
        ],
        "sessions": [
            {
                "label": label_of(session),
                "is_this": session.id == user.id,
                "browser": browser_words(session.user_agent),
                "address": session.address,
                "since": session.created_at,
                "last_used_at": session.last_used_at,
            }
            for session in account.live_sessions(user)
        ],
    }
