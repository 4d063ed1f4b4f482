"""Carries out the next step of a request: a redirect to the page of the step, or the answer to the client."""

from dataclasses import replace
from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Response, url_for

from login import DirectoryUnavailable, InvalidCredentials, NewSession
from models import SignInSession
from oauth import AuthorizationAnswer, AuthorizationRequest
from oauth.authorization.request import FORM_POST
from web.pages import form_post_page
from web.signin.authflow import Answer, AskConsent, FlowState, Refuse, next_step
from web.signin.desk import SignInDesk, current_facts
from web.signin.refusals import note_outage
from web.signin.session_cookie import see_other
from web.signin.situation import EXCLUDED, Situation

_BY_RULE = "The rules of this server do not let this user have it."


def carry_out(
    desk: SignInDesk,
    situation: Situation,
    *,
    has_ended: bool = False,
    new: NewSession[SignInSession] | None = None,
) -> Response:
    """Carry out the next step. A step that has a page is a redirect to it.

    Args:
        desk: the parts.
        situation: what is known.
        has_ended: whether the user was signed in at the step before, so that the page can say so.
        new: the session that has just begun. It is stored with the code if the client gets one.
    """
    step = next_step(situation.state)
    if isinstance(step, Refuse):
        by_rule = step.error == situation.state.refusal and not situation.state.has_denied
        return _refuse(desk, situation, step.error, by_rule=by_rule)
    if isinstance(step, Answer):
        return _allow(desk, situation, new)
    page = "signin.consent" if isinstance(step, AskConsent) else "signin.sign_in"
    flow = situation.flow
    if flow is None:
        digest = situation.active.cookie_digest if situation.active else None
        flow = desk.flows.begin(situation.request, digest, has_cookie=True)
    why: dict[str, Any] = {"why": "ended"} if has_ended else {}
    return see_other(url_for(page, flow=flow.handle, **why))


def deliver(answer: AuthorizationAnswer) -> Response:
    """Bring an answer to the client: by a redirect, or by a form that the browser sends.

    Args:
        answer: as the authorization endpoint made it.
    """
    if answer.response_mode == FORM_POST:
        return form_post_page(answer.redirect_uri, answer.parameters)
    return see_other(answer.url)


def tell_of_outage(
    desk: SignInDesk, request: AuthorizationRequest, trouble: DirectoryUnavailable
) -> Response:
    """Tell a client that wants no page that the directory is away (OpenID Connect Core 1.0, 3.1.2.1).

    Args:
        desk: the parts.
        request: with `prompt=none`.
        trouble: what the directory's client said.
    """
    note_outage(desk, trouble)
    return deliver(desk.authorization.refuse(request, "temporarily_unavailable"))


def decided(state: FlowState, *, allowed: bool) -> FlowState:
    """The state after the user has decided.

    Args:
        state: the state before.
        allowed: whether the user allowed the request, or denied it.
    """
    return replace(state, has_allowed=allowed, has_denied=not allowed)


def _allow(desk: SignInDesk, situation: Situation, new: NewSession[SignInSession] | None) -> Response:
    request, active = situation.request, situation.active
    if active is None:
        raise AssertionError("The state machine answers only where a user is signed in.")
    try:
        approval = desk.approvals.approval_of(
            request.client, active.person, active.stored, request, situation.scope
        )
    except InvalidCredentials:
        return _refuse(desk, situation, EXCLUDED, by_rule=True)
    except OAuth2Error as error:
        return _refuse(desk, situation, error.error, by_rule=True)
    session = () if new is None else new.beside()
    beside = [*session, *desk.flows.note_answer_beside(situation.flow)]
    stored = None if new is None else new.stored
    return deliver(desk.authorization.allow(request, approval, current_facts(), beside=beside, stored=stored))


def _refuse(desk: SignInDesk, situation: Situation, error: str, *, by_rule: bool = False) -> Response:
    description = _BY_RULE if by_rule else None
    answer = desk.authorization.refuse(situation.request, error, description)
    if situation.flow is not None:
        desk.flows.note_answer(situation.flow)
    return deliver(answer)
