"""The page `/signin`: which answers it gives, what they reveal, and the cookie of the session."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from models import SessionStore
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory, Outcome
from tests.faults import rows, without_table
from tests.web.signin.visitor import Visitor, page_of, parameters_of, register
from web.signin.session_cookie import COOKIE

WRONG = "The Net ID or the password is wrong."
NEW_PASSWORD = "You need a new password"


def refused(reason: Refusal, *, proved: bool = False) -> InvalidCredentials:
    """A refusal of a password that was verified, or not."""
    refusal = InvalidCredentials(reason)
    refusal.needs_new_password = proved
    return refusal


def audited(site: Site) -> list[dict[str, str]]:
    """The lines of the log about sign-ins."""
    return [line for line in site.log_lines() if line["event"] not in {"client.created", "request.refused"}]


def test_every_refusal_is_the_same_page(make_site: Callable[..., Site]) -> None:
    """Unknown, wrong, locked, disabled, expired without proof, excluded by a rule: one status, one body."""
    answers = []
    outcomes: list[Outcome] = [refused(reason) for reason in Refusal]
    for outcome in [*outcomes, replace(ALICE, affiliations=("guest",))]:
        site = make_site(FakeDirectory(outcome), NETID_REFUSE_MEMBERS="affiliation:guest")
        visitor, client = Visitor(site), register(site)
        page = visitor.sign_in(visitor.open(client), "somebody", "a password")
        body = page.text
        for value in (*page_of(page).actions, page_of(page).fields[-1]["csrf_token"]):
            body = body.replace(value, "")
        answers.append((page.status_code, sorted(page.headers), body))
    assert answers[0][0] == 400
    assert WRONG in answers[0][2]
    assert all(answer == answers[0] for answer in answers)


def test_page_keeps_the_name_and_never_the_password(client: Registered, visitor: Visitor) -> None:
    """The user corrects a slip of one field only."""
    page = visitor.sign_in(visitor.open(client), "alice", "a wrong password")
    assert page_of(page).fields[-1]["username"] == "alice"
    assert page_of(page).fields[-1]["password"] == ""
    assert "a wrong password" not in page.text
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(page)))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_empty_field_is_named_and_costs_no_attempt(faked: Site, fake: FakeDirectory, missing: str) -> None:
    """The directory is not asked: an empty password would be an anonymous bind."""
    visitor, client = Visitor(faked), register(faked)
    page = visitor.open(client)
    typed = {"username": "alice", "password": "x", missing: ""}
    answer = visitor.sign_in(page, typed["username"], typed["password"])
    assert answer.status_code == 400
    assert f'href="#{missing}"' in answer.text
    assert fake.asked == []


@pytest.mark.parametrize("reason", [Refusal.EXPIRED, Refusal.MUST_CHANGE])
def test_user_whose_password_was_verified_learns_that_a_new_one_is_needed(
    make_site: Callable[..., Site], reason: Refusal
) -> None:
    """In the campus's own words, with its link; the way back leads to the same flow."""
    site = make_site(
        FakeDirectory(refused(reason, proved=True)),
        NETID_PASSWORD_HELP_URI="https://password.example/change",
        NETID_PASSWORD_HELP_TEXT="Bring your card to the desk.",
    )
    visitor, client = Visitor(site), register(site)
    first = visitor.open(client)
    page = visitor.sign_in(first)
    assert page.status_code == 403
    assert NEW_PASSWORD in page_of(page).title
    assert "https://password.example/change" in page.text
    assert "Bring your card to the desk." in page.text
    assert page_of(first).actions[0] in page.text
    assert visitor.cookie() is None


def test_directory_away_is_503_and_the_form_stays(faked: Site, fake: FakeDirectory) -> None:
    """The page does not say that the password is wrong, and nothing counts as a failure."""
    visitor, client = Visitor(faked), register(faked)
    page = visitor.open(client)
    fake.outcome = DirectoryUnavailable("away")
    answer = visitor.sign_in(page)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert WRONG not in answer.text
    assert page_of(answer).fields[-1]["username"] == "alice"
    fake.outcome = ALICE
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(answer)))


def test_throttled_user_gets_429_and_the_form(make_site: Callable[..., Site]) -> None:
    """The answer says when to try again, and is the same for a name that nobody has."""
    texts = []
    for name in ("alice", "nobody"):
        site = make_site(NETID_LIMIT_PERSON="3/15minutes")
        visitor, client = Visitor(site), register(site)
        page = visitor.open(client)
        for number in range(3):
            page = visitor.sign_in(page, name, f"guess {number}")
        answer = visitor.sign_in(page, name, "alice-password")
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert visitor.cookie() is None
        texts.append(page_of(answer).text.replace(name, ""))
    assert texts[0] == texts[1]


def test_failures_with_one_client_close_the_page_for_nobody(make_site: Callable[..., Site]) -> None:
    """Anyone can open the page with a client's id, so the limit of a client does not apply."""
    site = make_site(NETID_LIMIT_CLIENT="3/15minutes", NETID_CLIENT_RATE="3/hour")
    client = register(site)
    attacker = Visitor(site, address="203.0.113.9")
    page = attacker.open(client)
    for number in range(5):
        page = attacker.sign_in(page, f"user{number}", "a guess")
    visitor = Visitor(site)
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(visitor.open(client))))


def test_failures_from_one_address_close_the_page_for_that_address(make_site: Callable[..., Site]) -> None:
    """Other addresses go on."""
    site = make_site(NETID_LIMIT_ADDRESS="3/15minutes")
    client = register(site)
    attacker = Visitor(site, address="203.0.113.9")
    page = attacker.open(client)
    for number in range(3):
        page = attacker.sign_in(page, f"user{number}", "a guess")
    assert attacker.sign_in(page, "alice", "alice-password").status_code == 429
    visitor = Visitor(site)
    assert visitor.sign_in(visitor.open(client)).status_code == 200


def test_cookie_is_bound_to_this_host_and_hidden_from_scripts(client: Registered, visitor: Visitor) -> None:
    """`__Host-`, Secure, HttpOnly, Lax, and gone with the browser (RFC 6265bis, 4.1)."""
    page = visitor.open(client)
    answer = visitor.submit(page, username="alice", password="alice-password")
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(COOKIE)]
    assert cookie.startswith("__Host-signin=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "Secure",
        "HttpOnly",
        "Path=/",
        "SameSite=Lax",
    }


def test_cookie_is_new_at_every_sign_in(client: Registered, visitor: Visitor) -> None:
    """A cookie that someone else planted, or the one from before, opens nothing (session fixation)."""
    planted = "A" * 43
    visitor.http.set_cookie(COOKIE, planted, domain="localhost")
    visitor.sign_in(visitor.open(client))
    first = visitor.cookie()
    visitor.sign_in(visitor.open(client, prompt="login"))
    second = visitor.cookie()
    assert len({planted, first, second}) == 3
    thief = Visitor(visitor.site)
    for value in (planted, first):
        thief.http.set_cookie(COOKIE, value or "", domain="localhost")
        assert "sign-in" in page_of(thief.open(client)).ids


def test_sign_in_of_another_user_ends_the_former_session(client: Registered, visitor: Visitor) -> None:
    """A copy of the former user's cookie opens nothing either."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    former = visitor.cookie()
    page = visitor.get("/signin", flow=flow_with_page(visitor, client), other="1")
    visitor.sign_in(page, "carol", "carol-password")
    thief = Visitor(visitor.site)
    thief.http.set_cookie(COOKIE, former or "", domain="localhost")
    assert "sign-in" in page_of(thief.open(client)).ids


def flow_with_page(visitor: Visitor, client: Registered) -> str:
    """The handle of a flow that waits for consent."""
    return page_of(visitor.open(client, prompt="consent")).actions[-1].partition("flow=")[2]


def test_user_can_change_the_account_from_the_consent_page(client: Registered, visitor: Visitor) -> None:
    """The link leads to the form though somebody is signed in."""
    page = visitor.sign_in(visitor.open(client))
    assert "You are signed in as alice" in page_of(page).text
    link = page.text.partition('<a href="/signin')[2].partition('"')[0].replace("&amp;", "&")
    page = visitor.sign_in(
        visitor.follow(visitor.http.get(f"/signin{link}", base_url="https://localhost:8443")),
        "carol",
        "carol-password",
    )
    assert "You are signed in as carol" in page_of(page).text


def test_sign_in_and_its_refusal_are_audited(site: Site, client: Registered, visitor: Visitor) -> None:
    """With the client, the address and the user's stable id; of an unknown name a digest only."""
    page = visitor.sign_in(visitor.open(client), "nobody-at-all", "secret typed here")
    page = visitor.sign_in(page, "alice", "wrong")
    visitor.sign_in(page)
    unknown, wrong, began = audited(site)
    assert (unknown["event"], unknown["reason"]) == ("sign_in.refused", "unknown_person")
    assert unknown["name_digest"]
    assert (wrong["event"], wrong["reason"], wrong["subject"]) == (
        "sign_in.refused",
        "wrong_password",
        ALICE.id,
    )
    assert (began["event"], began["subject"]) == ("session.began", ALICE.id)
    assert {line["client_id"] for line in (unknown, wrong, began)} == {client.client_id}
    assert {line["address"] for line in (unknown, wrong, began)} == {"192.0.2.7"}
    assert "nobody-at-all" not in site.log.getvalue()
    assert "secret typed here" not in site.log.getvalue()


def test_session_and_code_are_stored_together_or_not_at_all(site: Site, visitor: Visitor) -> None:
    """Where the code cannot be stored, the browser gets no cookie and no session is left; the form stays."""
    page = visitor.open(register(site, "Library", "--first-party"))
    with without_table(site, "authorization_code"):
        assert visitor.sign_in(page).status_code == 503
    assert (rows(site, "sign_in_session"), visitor.cookie()) == ([], None)
    assert "code" in parameters_of(visitor.sign_in(page))
    (session,), (code,) = rows(site, "sign_in_session"), rows(site, "authorization_code")
    assert session["id"] == code["session_id"]


def test_first_party_client_needs_no_remembered_consent(site: Site, visitor: Visitor) -> None:
    """A sign-in reads what the user has allowed before only where that can matter."""
    first, third = register(site, "Library", "--first-party"), register(site, "Elsewhere")
    with without_table(site, "consent"):
        assert "code" in parameters_of(visitor.sign_in(visitor.open(first)))
        assert visitor.open(third).status_code == 503


def test_page_without_a_flow_leads_to_the_users_own_page(visitor: Visitor) -> None:
    """A user who typed the address signs in to `/me`."""
    page = visitor.get("/signin")
    answer = visitor.submit(page, username="alice", password="alice-password")
    assert answer.headers["Location"] == "/me"
    assert visitor.get("/signin").headers["Location"] == "/me"


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
def test_page_leads_to_no_other_site(visitor: Visitor, next: str) -> None:  # noqa: A002
    """A parameter of the address is never a target (CWE-601)."""
    page = visitor.get("/signin", next=next)
    answer = visitor.submit(page, username="alice", password="alice-password")
    assert answer.headers["Location"] == "/me"


@pytest.mark.parametrize("needs_groups", [True, False])
def test_groups_are_searched_only_if_a_rule_or_a_claim_needs_them(
    make_site: Callable[..., Site],
    needs_groups: bool,  # noqa: FBT001
) -> None:
    """The search costs time at the directory."""
    wanted: list[bool] = []

    class Campus(FakeDirectory):
        def find(self, net_id: str, *, groups: bool = False):  # type: ignore[no-untyped-def] # noqa: ANN202
            wanted.append(groups)
            return super().find(net_id, groups=groups)

    site = make_site(Campus(account=FakeAccount()))
    client = register(site, scope="openid groups") if needs_groups else register(site)
    visitor = Visitor(site)
    visitor.sign_in(visitor.open(client, scope="openid groups" if needs_groups else "openid"))
    assert wanted == [needs_groups]


def test_session_keeps_what_the_user_needs_to_recognise_it(
    site: Site, client: Registered, visitor: Visitor
) -> None:
    """Address and browser, without characters that a terminal or a database would not take."""
    visitor.http.environ_base["HTTP_USER_AGENT"] = "Browser/1.0 \x1b[31m\x7f" + "x" * 1000
    visitor.sign_in(visitor.open(client))
    with site.app.app_context():
        (session,) = SessionStore(site.clock).list_of(ALICE.id)
    assert session.address == "192.0.2.7"
    assert session.user_agent.startswith("Browser/1.0 [31mxxx")
    assert len(session.user_agent) == 255
