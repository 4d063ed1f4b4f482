"""What users and browsers do: double clicks, the back button, two tabs, old forms, blocked cookies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.web.signin.visitor import (
    ALICES_PASSWORD,
    Visitor,
    flow_of,
    page_of,
    parameters_of,
    register,
    request_of,
)

HOUR = 3600


@pytest.fixture
def away(make_site: Callable[..., Site]) -> tuple[Visitor, Registered, FakeDirectory]:
    """A browser at a site whose directory a test can take away, and a client."""
    directory = FakeDirectory(account=FakeAccount())
    site = make_site(directory)
    return Visitor(site), register(site), directory


def test_double_submit_of_consent_gives_two_codes(client: Registered, visitor: Visitor) -> None:
    """The browser shows only the answer to the second click, so that must be a good one."""
    page = visitor.sign_in(visitor.open(client))
    codes = {parameters_of(visitor.allow(page))["code"] for _ in range(2)}
    assert len(codes) == 2


def test_double_submit_of_the_password_signs_in_twice(site: Site, visitor: Visitor) -> None:
    """Both answers lead on, and the cookie of the second is the one that counts."""
    client = register(site, "Portal", "--first-party")
    page = visitor.open(client)
    for _ in range(2):
        assert "code" in parameters_of(visitor.sign_in(page))
    assert "code" in parameters_of(visitor.open(client))


def test_consent_sent_again_later_is_refused(client: Registered, visitor: Visitor) -> None:
    """A form from a minute ago is no second click: the page says what to do."""
    page = visitor.sign_in(visitor.open(client))
    visitor.allow(page)
    visitor.site.clock.now += 60
    answer = visitor.allow(page)
    assert answer.status_code == 400
    assert "You have signed in already" in page_of(answer).title


@pytest.mark.parametrize("page", ["signin", "consent"])
def test_back_button_after_the_answer_shows_a_page_that_says_so(
    client: Registered, visitor: Visitor, page: str
) -> None:
    """A new code would only meet a client that has finished already."""
    handle = flow_of(visitor.open(client))
    visitor.allow(visitor.sign_in(visitor.get("/signin", flow=handle)))
    answer = visitor.get(f"/{page}", flow=handle)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "go back to the program" in page_of(answer).text


def test_back_button_from_consent_to_the_sign_in_page_leads_forward(
    client: Registered, visitor: Visitor
) -> None:
    """Pages are not cached, so the browser asks again; the user is signed in already."""
    page = visitor.open(client)
    handle = flow_of(page)
    assert page.headers["Cache-Control"] == "no-store"
    visitor.sign_in(page)
    answer = visitor.get("/signin", flow=handle)
    assert answer.headers["Location"] == f"/consent?flow={handle}"


def test_two_tabs_of_one_client_both_come_to_their_end(client: Registered, visitor: Visitor) -> None:
    """The sign-in in one tab serves the other, each with its own state."""
    first, second = visitor.open(client, state="one"), visitor.open(client, state="two")
    answers = [parameters_of(visitor.allow(visitor.sign_in(first)))]
    answers.append(parameters_of(visitor.sign_in(second)))
    assert [answer["state"] for answer in answers] == ["one", "two"]
    assert answers[0]["code"] != answers[1]["code"]


def test_consent_of_the_first_tab_outlives_the_sign_in_of_the_second(
    client: Registered, visitor: Visitor
) -> None:
    """The same user signs in twice, in any number of tabs: each consent form still works."""
    tabs = [visitor.open(client, state=name) for name in ("one", "two", "three")]
    consents = [visitor.sign_in(tab) for tab in tabs[:1]]
    opened = [visitor.open(client, state=name, prompt="login") for name in ("two", "three")]
    consents += [visitor.sign_in(tab) for tab in opened]
    answers = [parameters_of(visitor.allow(page)) for page in consents]
    assert [answer["state"] for answer in answers] == ["one", "two", "three"]
    assert "code" in parameters_of(visitor.sign_in(tabs[2]))


def test_sign_in_and_sign_out_renew_the_form_token(client: Registered, visitor: Visitor) -> None:
    """A token that someone knew before does not send a form of the signed-in user, nor of the next one."""
    before = page_of(visitor.get("/signin")).fields[-1]["csrf_token"]
    consent = visitor.sign_in(visitor.open(client))
    fields = page_of(consent).fields[-1]
    forged = visitor.post(page_of(consent).actions[-1], {**fields, "csrf_token": before, "decision": "allow"})
    assert forged.status_code == 400
    own = page_of(visitor.get("/me")).fields[-1]
    assert visitor.post("/me", {**own, "csrf_token": before, "everywhere": "1"}).status_code == 400
    assert "code" in parameters_of(visitor.allow(consent))
    assert visitor.post("/me", {**own, "everywhere": "1"}).status_code == 200
    again = visitor.get("/signin")
    typed = {"username": "alice", "password": ALICES_PASSWORD, "csrf_token": own["csrf_token"]}
    assert visitor.post("/signin", {**page_of(again).fields[-1], **typed}).status_code == 400
    assert visitor.sign_in(again).status_code == 200


def test_second_tab_that_is_reloaded_after_the_first_signed_in_needs_no_password(
    client: Registered, visitor: Visitor
) -> None:
    """The session of the first tab is there."""
    first, second = visitor.open(client), visitor.open(client)
    visitor.allow(visitor.sign_in(first))
    assert "code" in parameters_of(visitor.get("/signin", flow=flow_of(second)))


def test_consent_of_one_user_is_not_taken_for_another(client: Registered, visitor: Visitor) -> None:
    """In another tab another user has signed in: the page shows the account again, and asks."""
    page = visitor.sign_in(visitor.open(client))
    other = visitor.get("/signin", flow=flow_of(page), other="1")
    visitor.sign_in(other, "carol", "carol-password")
    answer = visitor.allow(page)
    assert answer.status_code == 400
    assert "signed in as carol" in page_of(answer).text
    assert "has changed" in page_of(answer).text
    assert "code" in parameters_of(visitor.allow(answer))


def test_choice_of_one_user_is_not_taken_for_another(site: Site, visitor: Visitor) -> None:
    """Alice goes on as alice, but in another tab carol has signed in: the page asks again."""
    client = register(site, "Portal", "--first-party")
    visitor.sign_in(visitor.open(client))
    page = visitor.open(client, prompt="select_account")
    other = visitor.get("/signin", flow=flow_of(visitor.open(client, prompt="login")))
    visitor.sign_in(other, "carol", "carol-password")
    answer = visitor.send(page, form=0, account="current")
    assert answer.status_code == 400
    assert "Continue as carol" in page_of(answer).text
    assert "has changed" in page_of(answer).text
    assert "code" in parameters_of(visitor.send(answer, form=0, account="current"))


@pytest.mark.parametrize("handle", ["", "x", "A" * 43, "\u00e9" * 43, "A" * 5000])
@pytest.mark.parametrize("page", ["signin", "consent"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_handle_is_a_page_that_says_what_to_do(
    visitor: Visitor, page: str, handle: str, method: str
) -> None:
    """Nothing of the address is repeated."""
    send = visitor.http.get if method == "get" else visitor.http.post
    answer = send(f"/{page}", query_string={"flow": handle}, base_url="https://localhost:8443")
    assert answer.status_code == 400
    assert "start again there" in page_of(answer).text


def test_flow_lives_a_day(client: Registered, visitor: Visitor) -> None:
    """A form that was opened in the morning is good in the evening, and not on the next day."""
    page = visitor.open(client)
    visitor.site.clock.now += 24 * HOUR - 1
    handle = flow_of(page)
    assert "sign-in" in page_of(visitor.get("/signin", flow=handle)).ids
    visitor.site.clock.now += 1
    answer = visitor.get("/signin", flow=handle)
    assert answer.status_code == 400
    assert "has expired" in page_of(answer).text


def test_sign_in_form_that_was_open_for_an_hour_loses_the_password_alone(
    client: Registered, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says what to do, and the flow goes on."""
    page = visitor.open(client)
    make_older(visitor, monkeypatch)
    answer = visitor.sign_in(page)
    assert answer.status_code == 400
    assert "open for too long" in page_of(answer).text
    assert page_of(answer).fields[-1]["username"] == "alice"
    assert "alice-password" not in answer.text
    monkeypatch.undo()
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(visitor.get("/signin", flow=flow_of(page)))))


def test_consent_form_that_was_open_for_an_hour_is_shown_again(
    client: Registered, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is allowed by it."""
    page = visitor.sign_in(visitor.open(client))
    make_older(visitor, monkeypatch)
    answer = visitor.allow(page)
    assert answer.status_code == 400
    assert "open for too long" in page_of(answer).text
    assert "allow" in page_of(answer).ids


def make_older(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every token of a form count as older than it may be."""
    monkeypatch.setitem(visitor.site.app.config, "WTF_CSRF_TIME_LIMIT", -1)


def test_browser_without_cookies_is_told_to_allow_them(client: Registered, visitor: Visitor) -> None:
    """The password is not tried: its session could not be kept either."""
    page = visitor.open(client)
    visitor.http.delete_cookie("__Host-session", domain="localhost")
    answer = visitor.sign_in(page)
    assert answer.status_code == 400
    assert "allow cookies" in page_of(answer).text
    assert visitor.cookie() is None


@pytest.mark.parametrize("step", ["sign-in", "consent"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_client_that_is_disabled_meanwhile_gets_no_code(
    site: Site, client: Registered, visitor: Visitor, step: str, method: str
) -> None:
    """The user gets a page, and not a redirect: the client is not trusted any more."""
    page = visitor.open(client)
    if step == "consent":
        page = visitor.sign_in(page)
    site.run("client", "disable", client.client_id, "--yes")
    site.clock.now += 10
    answer = visitor.http.get(page_of(page).actions[-1], base_url="https://localhost:8443")
    if method == "post":
        answer = visitor.sign_in(page) if step == "sign-in" else visitor.allow(page)
    assert answer.status_code == 400
    assert "not registered" in page_of(answer).text
    assert "Location" not in answer.headers


def test_client_that_loses_its_redirect_uri_meanwhile_gets_no_code(
    site: Site, client: Registered, visitor: Visitor
) -> None:
    """The stored request is checked again at each step."""
    page = visitor.sign_in(visitor.open(client))
    site.run("client", "update", client.client_id, "--redirect-uri", "https://new.example/callback")
    site.clock.now += 10
    answer = visitor.allow(page)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_session_that_ended_between_two_steps_leads_back_to_the_sign_in(
    site: Site, client: Registered, visitor: Visitor
) -> None:
    """The page says so, and the flow goes on after it."""
    page = visitor.sign_in(visitor.open(client))
    site.run("person", "logout", "alice", "--yes")
    answer = visitor.allow(page)
    assert "sign-in" in page_of(answer).ids
    assert "not signed in any more" in page_of(answer).text
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(answer)))


@pytest.mark.parametrize("reason", [Refusal.DISABLED, Refusal.UNKNOWN_PERSON])
def test_user_who_is_disabled_between_two_steps_gets_no_code(
    away: tuple[Visitor, Registered, FakeDirectory], reason: Refusal
) -> None:
    """The directory is asked again after five minutes."""
    visitor, client, directory = away
    page = visitor.sign_in(visitor.open(client))
    directory.outcome = InvalidCredentials(reason)
    visitor.site.clock.now += 300
    answer = visitor.allow(page)
    assert "sign-in" in page_of(answer).ids
    assert visitor.sign_in(answer).status_code == 400


def test_new_password_between_two_steps_demands_a_sign_in(
    away: tuple[Visitor, Registered, FakeDirectory],
) -> None:
    """Whoever knows only the old password goes no further."""
    visitor, client, directory = away
    page = visitor.sign_in(visitor.open(client))
    directory.outcome = replace(ALICE, password_changed_at=(ALICE.password_changed_at or 0) + 1)
    visitor.site.clock.now += 300
    assert "sign-in" in page_of(visitor.allow(page)).ids


def test_directory_that_is_away_between_two_steps_costs_nothing(
    away: tuple[Visitor, Registered, FakeDirectory],
) -> None:
    """503 for the browser, and the same form works when the directory is back."""
    visitor, client, directory = away
    page = visitor.sign_in(visitor.open(client))
    directory.outcome = DirectoryUnavailable("away")
    visitor.site.clock.now += 300
    answer = visitor.allow(page)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "still signed in" in page_of(answer).text
    directory.outcome = ALICE
    assert "code" in parameters_of(visitor.allow(page))


def test_directory_that_is_away_answers_a_program_with_json(
    away: tuple[Visitor, Registered, FakeDirectory],
) -> None:
    """A program that follows the redirect without a page gets an error that it can read."""
    visitor, client, directory = away
    visitor.sign_in(visitor.open(client))
    directory.outcome = DirectoryUnavailable("away")
    visitor.site.clock.now += 300
    visitor.http.environ_base["HTTP_ACCEPT"] = "application/json"
    answer = visitor.get("/oauth/authorize", **request_of(client))
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_directory_that_is_away_is_told_to_a_client_that_wants_no_page(
    away: tuple[Visitor, Registered, FakeDirectory], method: str
) -> None:
    """With `prompt=none` the error goes to the client, and the operator finds the cause in the log."""
    visitor, client, directory = away
    visitor.allow(visitor.sign_in(visitor.open(client)))
    directory.outcome = DirectoryUnavailable("away")
    visitor.site.clock.now += 300
    wanted = request_of(client, prompt="none")
    opened = visitor.get("/authorize", **wanted) if method == "GET" else visitor.post("/authorize", wanted)
    answer = parameters_of(visitor.follow(opened))
    assert (answer["error"], answer["state"]) == ("temporarily_unavailable", "a state")
    assert "directory.unavailable" in {line["event"] for line in visitor.site.log_lines()}


def test_form_beyond_the_limit_is_refused(client: Registered, visitor: Visitor) -> None:
    """No form of ours is that large."""
    page = page_of(visitor.open(client))
    assert visitor.post(page.actions[-1], {"username": "x" * 70_000}).status_code == 413


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "\u202e", "x" * 300, "'; --", "*)(uid=*"])
@pytest.mark.parametrize("field", ["username", "password"])
def test_odd_text_is_a_wrong_one(client: Registered, visitor: Visitor, field: str, name: str) -> None:
    """Never an error of the server, and nothing else than for any wrong name or password."""
    typed = {
        "username": "alice",
        "password": "alice-password",
        field: name.encode("utf-8", "replace").decode(),
    }
    answer = visitor.sign_in(visitor.open(client), typed["username"], typed["password"])
    assert answer.status_code == 400
    assert "is wrong" in page_of(answer).text
