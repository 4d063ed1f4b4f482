"""The page `/consent`: what a client learns and may do, in words; the user allows it or denies it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from flask import Response, request, url_for
from flask_babel import gettext as _
from wtforms import HiddenField

from core import request_deadline
from web.pages import N_, PageForm, current_look, error_page, render_page, scope_words, shows_form_again
from web.pages.scope_words import ScopeWords
from web.signin.authflow import Answer, AskConsent, next_step
from web.signin.desk import SignInDesk, current_desk
from web.signin.situation import Situation, situation_of
from web.signin.steps import carry_out, decided
from web.signin.visit import Visit, read_visit

_BAD_REQUEST: Final = 400
_CHANGED: Final = N_("Your account or the request has changed in the meantime. Please look again.")
_UNDECIDED: Final = N_("Please allow or deny the request.")


class ConsentForm(PageForm):
    """What the user saw when deciding."""

    seen = HiddenField()


@shows_form_again
def consent() -> Response:
    """Show the page, or take the user's decision.

    Raises:
        Stopped, UnsafeRequest, RedirectedError: as `read_visit`.
        DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        StoreUnavailable: the database cannot say.
    """
    desk = current_desk()
    visit = read_visit(desk)
    if visit is None or visit.request is None:
        return error_page(N_("There is nothing to consent to."), _BAD_REQUEST)
    situation = situation_of(desk, visit.request, visit.flow)
    if situation.active is None:
        return carry_out(desk, situation, has_ended=request.method == "POST")
    if request.method == "POST":
        return _decide(desk, visit, situation)
    if isinstance(next_step(situation.state), AskConsent):
        return _page(desk, visit, situation)
    return carry_out(desk, situation)


def _decide(desk: SignInDesk, visit: Visit, situation: Situation) -> Response:
    form = ConsentForm()
    request_deadline.restart()
    is_sent, is_same = form.is_sent(), form.seen.data == _seen(situation)
    if form.seen.data and not is_same:
        # Another user may have signed in in another tab, or the client may have been changed. The token has
        # changed with the user, but this sentence says more.
        return _page(desk, visit, situation, problem=_(_CHANGED))
    if not (is_sent and is_same):
        return _page(desk, visit, situation, problem=form.problem or _(_UNDECIDED))
    decision = request.form.get("decision")
    if decision not in {"allow", "deny"}:
        return _page(desk, visit, situation, problem=_(_UNDECIDED))
    after = replace(situation, state=decided(situation.state, allowed=decision == "allow"))
    if isinstance(next_step(after.state), Answer) and situation.active is not None:
        desk.consents.remember(
            situation.active.person.id, situation.request.client.client_id, situation.consent_scope
        )
    return carry_out(desk, after)


def _page(desk: SignInDesk, visit: Visit, situation: Situation, *, problem: str | None = None) -> Response:
    checked, active = situation.request, situation.active
    step = next_step(situation.state)
    if not isinstance(step, AskConsent):
        # The request needs no consent any more, or the user must sign in first.
        return carry_out(desk, situation)
    wanted = situation.state.wanted
    form = ConsentForm(formdata=None, seen=_seen(situation))
    return render_page(
        "consent.html",
        _BAD_REQUEST if problem else 200,
        form_action=["'self'", *current_look().client_targets(checked.redirect_uri)],
        form=form,
        problem=problem,
        action=url_for("signin.consent", flow=visit.flow.handle),
        other=url_for("signin.sign_in", flow=visit.flow.handle, other="1"),
        client_name=checked.client.client_name,
        target=_in_the_users_words(checked.redirect_uri),
        person=active.person if active else None,
        fresh=_in_words(desk, situation, step.fresh or wanted),
        known=_in_words(desk, situation, wanted - step.fresh if step.fresh else frozenset()),
    )


def _in_the_users_words(redirect_uri: str) -> str:
    """Where the answer goes: a site with its port, or the private scheme of an app (RFC 8252, 7.1)."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in {"https", "http"}:
        return f"{parts.scheme}://{parts.netloc.lower()}"
    return str(_("an app on this device (%(name)s)", name=parts.scheme))


def _in_words(desk: SignInDesk, situation: Situation, names: frozenset[str]) -> Sequence[ScopeWords]:
    """What scopes let the client learn and do, in the order of the request."""
    ordered = [name for name in situation.request.consent_scope.split() if name in names]
    return scope_words(" ".join(ordered), desk.scope_descriptions()) if ordered else ()


def _seen(situation: Situation) -> str:
    """Stands for the user and the scopes that the page shows, so that nothing else is allowed by it."""
    session = situation.active.stored.id if situation.active else b""
    shown = b"\0".join((b"consent", session, situation.consent_scope.encode()))
    return hashlib.sha256(shown).hexdigest()[:32]
