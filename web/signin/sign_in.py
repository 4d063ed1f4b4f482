"""The page `/signin`: a user types name and password, or chooses the account to go on with."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from flask import Response, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from core import request_deadline
from login import Browser, DirectoryUnavailable, InvalidCredentials, NewSession, Person, Throttled
from login.app_passwords import is_app_password
from models import SignInSession
from oauth import AuthorizationRequest
from oauth.authorization.request import NO_PROMPT
from web.pages import (
    N_,
    PageForm,
    accept_former_token,
    current_look,
    render_kept_page,
    render_page,
    renew_form_token,
    shows_form_again,
)
from web.signin.authflow import ChooseAccount, FlowState, NewPassword, SignIn, Step, Why, next_step
from web.signin.desk import Active, SignInDesk, current_desk, current_event, current_facts
from web.signin.refusals import note_refusal
from web.signin.session_cookie import COOKIE, adopt_session, current_session, give_cookie, see_other
from web.signin.situation import Situation, situation_of, wants_groups
from web.signin.steps import carry_out, tell_of_outage
from web.signin.visit import Visit, read_visit

_BAD_REQUEST, _FORBIDDEN, _TOO_MANY, _UNAVAILABLE = 400, 403, 429, 503
_RETRY_SECONDS: Final = "10"
_WRONG: Final = N_("The Net ID or the password is wrong.")
_APP_PASSWORD: Final = N_(
    "This is an app password, which works in its program alone. Please type the password of your Net ID."
)
_THROTTLED: Final = N_("There were too many failed sign-ins. Please wait a while, and try again.")
_AWAY: Final = N_(
    "The directory of users cannot be asked right now, so nobody can sign in. Your password was not refused. "
    "Please try again in a moment."
)
_REASONS: Final = {
    Why.AGAIN: N_("The program asks you to sign in again."),
    Why.PAGE: N_("To go on, please type your password again."),
    Why.OTHER_ACCOUNT: N_("The program expects another account than the one that you are signed in with."),
}
_CHANGED: Final = N_("Your account or the request has changed in the meantime. Please look again.")
_ENDED: Final = N_("You are not signed in any more. Please sign in again to go on.")


class SignInForm(PageForm):
    """A login name and a password."""

    username = StringField(lazy_gettext("Net ID"), [InputRequired(lazy_gettext("Please type your Net ID."))])
    password = PasswordField(
        lazy_gettext("Password"), [InputRequired(lazy_gettext("Please type your password."))]
    )


class ChoiceForm(PageForm):
    """The account that the page offered to go on with."""

    seen = HiddenField()


class Problem(NamedTuple):
    """Why a sign-in failed, in words for the user, with the status of the answer."""

    sentence: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()


@shows_form_again
def sign_in() -> Response:
    """Show the page, or take what the user typed there.

    Raises:
        Stopped, UnsafeRequest, RedirectedError: as `read_visit`.
        DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        StoreUnavailable: the database cannot say.
    """
    desk = current_desk()
    visit = read_visit(desk)
    if request.method == "POST":
        return _choice(desk, visit) if "account" in request.form else _attempt(desk, visit)
    if visit is None or visit.request is None:
        return _sign_in_for_page(desk, visit)
    try:
        situation = _situation(desk, visit, visit.request)
    except DirectoryUnavailable as trouble:
        if NO_PROMPT not in visit.request.prompt:
            raise
        return tell_of_outage(desk, visit.request, trouble)
    step = next_step(situation.state)
    wants_other = "other" in request.args and situation.active is not None
    if wants_other or isinstance(step, (SignIn, ChooseAccount)):
        return _page(visit, step=None if wants_other else step, active=situation.active)
    return carry_out(desk, situation)


def _sign_in_for_page(desk: SignInDesk, visit: Visit | None) -> Response:
    """Ask for a sign-in, unless the session is all that the page of ours needs."""
    active = current_session(groups=_page_needs_groups(desk, visit))
    if active is None:
        return _page(visit)
    if visit is None or visit.flow.cookie is None:
        return _to_page(visit)
    if visit.flow.is_fresh(active.cookie_digest, active.stored.auth_time):
        return _to_page(visit)
    form = SignInForm(formdata=None, username=active.stored.net_id)
    return _page(visit, step=SignIn(Why.PAGE), form=form)


def _situation(desk: SignInDesk, visit: Visit, checked: AuthorizationRequest) -> Situation:
    flow = visit.flow
    if flow.cookie is None:
        # The form of another site began this flow. Only now the browser shows which session it has.
        active = current_session()
        flow = desk.flows.note_cookie(flow, active.cookie_digest if active else None)
    return situation_of(desk, checked, flow)


def _attempt(desk: SignInDesk, visit: Visit | None) -> Response:
    """Try the password that the user typed."""
    accept_former_token()
    form = SignInForm()
    request_deadline.restart()
    if not form.is_sent():
        return _page(visit, form=form, problem=Problem(form.problem or "", _BAD_REQUEST))
    if any(is_app_password(typed or "") for typed in (form.username.data, form.password.data)):
        # It is no password of the directory, which must never see one.
        return _page(visit, form=_without_name(form), problem=Problem(_(_APP_PASSWORD), _BAD_REQUEST))
    checked = visit.request if visit else None
    groups = _page_needs_groups(desk, visit) if checked is None else wants_groups(desk, checked)
    try:
        person = desk.login.sign_in(
            form.username.data or "",
            form.password.data or "",
            address=current_facts().address,
            groups=groups,
            check=desk.refuse_excluded,
        )
    except (InvalidCredentials, Throttled, DirectoryUnavailable) as trouble:
        note_refusal(desk, trouble, form.username.data or "")
        return _refused(desk, visit, form, trouble)
    new = _begin(desk, person, groups=groups)
    adopt_session(new.value, new.active)
    if visit is None or visit.request is None:
        answer = _to_page(visit)
    else:
        # If the client gets its code now, code and session are stored together.
        answer = carry_out(desk, situation_of(desk, visit.request, visit.flow), new=new)
    new.store()
    give_cookie(answer, new.value)
    return answer


def _without_name(form: SignInForm) -> SignInForm:
    """The form without an app password that was typed as a name: a page must not show it."""
    if is_app_password(form.username.data or ""):
        form.username.data = ""
    return form


def _begin(desk: SignInDesk, person: Person, *, groups: bool) -> NewSession[SignInSession]:
    # Without a question to the directory, which has just verified the password.
    former = desk.sessions.remembered(request.cookies.get(COOKIE))
    new = desk.sessions.begin(
        person,
        browser=Browser(current_facts().address, _printable(request.user_agent.string)),
        event=current_event(),
        has_groups=groups,
        replaces=former.stored if former else None,
    )
    if former is None or new.active.stored.id != former.stored.id:
        # Where the same user's session goes on, the forms of other tabs stay good.
        renew_form_token()
    return new


def _page_needs_groups(desk: SignInDesk, visit: Visit | None) -> bool:
    """Whether a sign-in for a page of ours reads the user's groups.

    Where only users may read their own entries, no later page could ask for them. A sign-in for a client
    reads them only if the client needs them: on some campuses users may not search for groups.
    """
    return desk.wants_groups or (visit is not None and not desk.sessions.can_read)


def _printable(text: str) -> str:
    """A header's text without control characters, which a database or a terminal would not take."""
    return "".join(character for character in text if character.isprintable())


def _refused(
    desk: SignInDesk,
    visit: Visit | None,
    form: SignInForm,
    trouble: InvalidCredentials | Throttled | DirectoryUnavailable,
) -> Response:
    """The page after a sign-in that failed: one sentence for every reason that is not proven (P8)."""
    if isinstance(trouble, Throttled):
        retry = (("Retry-After", str(trouble.retry_after)),)
        return _page(visit, form=form, problem=Problem(_(_THROTTLED), _TOO_MANY, retry))
    if isinstance(trouble, DirectoryUnavailable):
        retry = (("Retry-After", _RETRY_SECONDS),)
        return _page(visit, form=form, problem=Problem(_(_AWAY), _UNAVAILABLE, retry))
    state = FlowState(now=desk.now(), needs_new_password=trouble.needs_new_password)
    if isinstance(next_step(state), NewPassword):
        theme = current_look().theme
        return render_page(
            "new_password.html",
            _FORBIDDEN,
            back=_own_url(visit),
            help_url=theme.password_help_url,
            help_text=theme.password_help_text,
        )
    return _page(visit, form=form, problem=Problem(_(_WRONG), _BAD_REQUEST))


def _choice(desk: SignInDesk, visit: Visit | None) -> Response:
    """Go on with the account that is signed in, as the user chose."""
    form = ChoiceForm()
    if visit is None or visit.request is None:
        return _to_page(visit)
    is_sent, is_same = form.is_sent(), form.seen.data == _seen(current_session())
    if not (is_sent and is_same):
        situation = situation_of(desk, visit.request, visit.flow)
        # Another user may have signed in in another tab. The token has changed then too.
        has_changed = is_sent or (form.seen.data and not is_same)
        problem = Problem(str(_(_CHANGED)) if has_changed else form.problem or "", _BAD_REQUEST)
        step = next_step(situation.state)
        asked = step if isinstance(step, SignIn) else ChooseAccount()
        return _page(visit, step=asked, active=situation.active, problem=problem)
    flow = desk.flows.note_choice(visit.flow)
    return carry_out(desk, situation_of(desk, visit.request, flow))


def _seen(active: Active | None) -> str:
    """Stands for the account that the page shows, so that no other goes on by its button."""
    session = active.stored.id if active else b""
    return hashlib.sha256(b"account\0" + session).hexdigest()[:32]


def _page(
    visit: Visit | None,
    *,
    step: Step | None = None,
    active: Active | None = None,
    form: SignInForm | None = None,
    problem: Problem | None = None,
) -> Response:
    checked = visit.request if visit else None
    targets = ["'self'", *(current_look().client_targets(checked.redirect_uri) if checked else ())]
    texts = {
        "action": _own_url(visit),
        "client_name": checked.client.client_name if checked else None,
        "username": checked.login_hint if checked else None,
    }
    notice, may_continue = _notice(step, problem), isinstance(step, ChooseAccount) and active is not None
    if form is None and problem is None and notice is None and not may_continue:
        return render_kept_page("sign_in.html", texts, _plain_page, form_action=targets)
    return render_page(
        "sign_in.html",
        problem.status if problem else 200,
        form_action=targets,
        headers=problem.headers if problem else (),
        form=form or SignInForm(formdata=None, username=texts["username"]),
        problem=problem.sentence if problem else None,
        notice=notice,
        action=texts["action"],
        client_name=texts["client_name"],
        active=active,
        seen=_seen(active),
        may_continue=may_continue,
    )


def _plain_page(texts: Mapping[str, str | None]) -> Mapping[str, Any]:
    """What the page shows where nothing but the sign-in is to be said."""
    return {
        "form": SignInForm(formdata=None, username=texts["username"]),
        "action": texts["action"],
        "client_name": texts["client_name"],
    }


def _notice(step: Step | None, problem: Problem | None) -> str | None:
    """Why the user must sign in, where it is not plain."""
    if problem is not None:
        return None
    if request.args.get("why") == "ended":
        return str(_(_ENDED))
    sentence = _REASONS.get(step.why) if isinstance(step, SignIn) else None
    return str(_(sentence)) if sentence else None


def _own_url(visit: Visit | None) -> str:
    return url_for("signin.sign_in", flow=visit.flow.handle) if visit else url_for("signin.sign_in")


def _to_page(visit: Visit | None) -> Response:
    """The page of ours that the user wanted; without one, the page about the user's own account."""
    return see_other((visit.flow.next if visit else None) or f"{current_look().base}/me")
