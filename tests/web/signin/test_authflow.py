"""Which step an authorization request takes next (OpenID Connect Core 1.0, 3.1.2)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.signin.authflow import (
    Answer,
    AskConsent,
    ChooseAccount,
    FlowState,
    NewPassword,
    Refuse,
    SignIn,
    Step,
    Why,
    asks_for_consent,
    next_step,
)

NOW = 1_000_000
WANTED = frozenset({"openid", "profile"})
NOBODY = FlowState(now=NOW, wanted=WANTED)
SIGNED_IN = replace(NOBODY, auth_time=NOW - 600)
CONSENTED = replace(SIGNED_IN, consented=WANTED)


def prompting(state: FlowState, *values: str) -> FlowState:
    """The same with these values of `prompt`."""
    return replace(state, prompt=frozenset(values))


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (NOBODY, SignIn(Why.NOBODY)),
        (SIGNED_IN, AskConsent(WANTED)),
        (CONSENTED, Answer()),
        (replace(SIGNED_IN, consented=frozenset({"openid"})), AskConsent(frozenset({"profile"}))),
        (replace(SIGNED_IN, has_allowed=True), Answer()),
        (replace(SIGNED_IN, has_denied=True), Refuse("access_denied")),
        (replace(CONSENTED, has_denied=True), Refuse("access_denied")),
    ],
)
def test_steps_come_in_their_order(state: FlowState, step: Step) -> None:
    """First the sign-in, then consent to what is new, then the answer."""
    assert next_step(state) == step


@pytest.mark.parametrize("state", [SIGNED_IN, CONSENTED, replace(SIGNED_IN, has_allowed=True)])
def test_rule_that_excludes_the_user_comes_before_consent(state: FlowState) -> None:
    """A user is not asked to allow what they cannot have."""
    assert next_step(replace(state, refusal="access_denied")) == Refuse("access_denied")


def test_new_password_is_demanded_after_the_password_was_verified() -> None:
    """No one is signed in then, and no other step comes before the page that says so."""
    assert next_step(replace(NOBODY, needs_new_password=True)) == NewPassword()


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (NOBODY, "login_required"),
        (replace(NOBODY, needs_new_password=True), "interaction_required"),
        (replace(CONSENTED, max_age=599), "login_required"),
        (replace(CONSENTED, is_expected=False), "login_required"),
        (SIGNED_IN, "consent_required"),
        (replace(SIGNED_IN, refusal="access_denied"), "access_denied"),
    ],
)
def test_prompt_none_gets_an_error_in_place_of_a_page(state: FlowState, error: str) -> None:
    """The client may have no page shown (3.1.2.6)."""
    assert next_step(prompting(state, "none")) == Refuse(error)


def test_prompt_none_is_answered_where_no_page_is_needed() -> None:
    """So a client renews its tokens without the user."""
    assert next_step(prompting(CONSENTED, "none")) == Answer()


def test_prompt_login_demands_a_sign_in_after_the_request() -> None:
    """A session from before is not enough, and the sign-in is asked for once."""
    again = prompting(CONSENTED, "login")
    assert next_step(again) == SignIn(Why.AGAIN)
    assert next_step(replace(again, is_fresh=True)) == Answer()


@pytest.mark.parametrize(("age", "step"), [(600, Answer()), (599, SignIn(Why.AGAIN)), (0, SignIn(Why.AGAIN))])
def test_max_age_demands_a_recent_sign_in(age: int, step: Step) -> None:
    """The user signed in 600 seconds ago."""
    assert next_step(replace(CONSENTED, max_age=age)) == step


def test_max_age_of_zero_is_satisfied_by_the_sign_in_of_this_request() -> None:
    """Else the page would come again for ever."""
    assert next_step(replace(CONSENTED, max_age=0, is_fresh=True)) == Answer()


def test_another_user_than_the_hinted_one_is_asked_to_sign_in_once() -> None:
    """If the wrong user signs in, the client gets an error (3.1.2.2)."""
    other = replace(CONSENTED, is_expected=False)
    assert next_step(other) == SignIn(Why.OTHER_ACCOUNT)
    assert next_step(replace(other, is_fresh=True)) == Refuse("login_required")


def test_prompt_select_account_asks_which_account() -> None:
    """Both the choice of the account and a sign-in answer the question."""
    choosing = prompting(CONSENTED, "select_account")
    assert next_step(choosing) == ChooseAccount()
    assert next_step(replace(choosing, has_chosen=True)) == Answer()
    assert next_step(replace(choosing, is_fresh=True)) == Answer()
    assert next_step(prompting(NOBODY, "select_account")) == SignIn(Why.NOBODY)


def test_prompt_consent_asks_again() -> None:
    """Also where everything was allowed before, and for a program of the campus."""
    for state in (CONSENTED, replace(CONSENTED, is_first_party=True)):
        asking = prompting(state, "consent")
        assert next_step(asking) == AskConsent(frozenset())
        assert next_step(replace(asking, has_allowed=True)) == Answer()


def test_first_party_client_is_asked_about_offline_access_only() -> None:
    """The operator consents for all users, but not to a token that outlives the session (11)."""
    first = replace(SIGNED_IN, is_first_party=True)
    assert next_step(first) == Answer()
    offline = replace(first, wanted=WANTED | {"offline_access"})
    assert next_step(offline) == AskConsent(frozenset({"offline_access"}))
    assert next_step(replace(offline, consented=frozenset({"offline_access"}))) == Answer()


_STATES = st.builds(
    FlowState,
    now=st.just(NOW),
    prompt=st.frozensets(st.sampled_from(["login", "consent", "select_account"]))
    | st.just(frozenset({"none"})),
    max_age=st.none() | st.integers(0, 10_000),
    auth_time=st.none() | st.integers(NOW - 10_000, NOW),
    is_fresh=st.booleans(),
    is_expected=st.booleans(),
    has_chosen=st.booleans(),
    needs_new_password=st.booleans(),
    refusal=st.sampled_from([None, "access_denied"]),
    wanted=st.frozensets(st.sampled_from(["openid", "profile", "offline_access"]), min_size=1),
    consented=st.frozensets(st.sampled_from(["openid", "profile", "offline_access"])),
    is_first_party=st.booleans(),
    has_allowed=st.booleans(),
    has_denied=st.booleans(),
)


@given(_STATES)
def test_no_state_is_answered_without_a_user_and_consent(state: FlowState) -> None:
    """Whatever is known: a code needs a signed-in, expected user whom no rule excludes, and consent."""
    if next_step(state) != Answer():
        return
    assert state.auth_time is not None
    assert state.is_expected
    assert not state.needs_new_password
    assert state.refusal is None
    assert not state.has_denied
    asked = state.wanted & {"offline_access"} if state.is_first_party else state.wanted
    assert state.has_allowed or asked <= state.consented


@given(_STATES)
def test_earlier_consent_is_left_unread_only_where_it_changes_nothing(state: FlowState) -> None:
    """Whatever the user has allowed before, the next step is then the same."""
    if asks_for_consent(state.prompt, state.wanted, is_first_party=state.is_first_party):
        return
    assert next_step(state) == next_step(replace(state, consented=frozenset()))


@given(_STATES)
def test_prompt_none_never_leads_to_a_page(state: FlowState) -> None:
    """Every step is then an error or the answer."""
    assert isinstance(next_step(replace(state, prompt=frozenset({"none"}))), (Refuse, Answer))


@given(_STATES)
def test_sign_in_and_consent_lead_to_the_end(state: FlowState) -> None:
    """After the user signed in and allowed the request, no page comes any more."""
    done = replace(state, auth_time=NOW, is_fresh=True, needs_new_password=False, has_allowed=True)
    assert isinstance(next_step(done), (Refuse, Answer))
