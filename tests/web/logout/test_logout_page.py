"""The page `/logout`, and the way there from a program (OpenID Connect RP-Initiated Logout 1.0, 2)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import TestResponse

from directory import DirectoryUnavailable
from models import Client, SignInSession
from oauth import Server
from oauth.tokens.session_ids import sid_of
from tests.conftest import NOON, Site
from tests.fakes import FakeDirectory
from tests.faults import drop_table, rows, write_column
from tests.oauth.sessions import SignedIn
from tests.web.signin.visitor import ORIGIN, Visitor, page_of
from web.signin.session_cookie import COOKIE

AFTER = "https://portal.example.edu/signed-out"
BACKCHANNEL = "https://portal.example.edu/backchannel"


class Browser(Visitor):
    """A browser in which alice is signed in, unless her session is None."""

    def has(self, signed_in: SignedIn, session: SignInSession) -> "Browser":
        """Take the cookie of a session."""
        value = signed_in.cookies[session.id]
        self.http.set_cookie(COOKIE, value, domain="localhost", secure=True, path="/")
        return self

    def asks(self, **parameters: str) -> TestResponse:
        """Come from a program by GET, and follow redirects of ours."""
        return self.follow(self.get("/oauth/logout", **parameters))

    def asks_by_post(self, **parameters: str) -> TestResponse:
        """Come from a program by POST. Its form brings no cookie, but the redirect after it does."""
        value = self.cookie()
        self.http.delete_cookie(COOKIE, domain="localhost")
        answer = self.post("/oauth/logout", parameters)
        if value:
            self.http.set_cookie(COOKIE, value, domain="localhost", secure=True, path="/")
        return self.follow(answer)


@pytest.fixture
def signed_in(faked: Site) -> SignedIn:
    """The sessions of the site."""
    return SignedIn(faked)


@pytest.fixture
def portal(signed_in: SignedIn) -> Client:
    """A client that has every address of logout."""
    return signed_in.client(
        "<b>Portal</b>", post_logout_redirect_uris=[AFTER], backchannel_logout_uri=BACKCHANNEL
    )


@pytest.fixture
def session(signed_in: SignedIn, portal: Client) -> SignInSession:
    """Alice's session with the client."""
    return signed_in.begin(portal)


@pytest.fixture
def browser(faked: Site, signed_in: SignedIn, session: SignInSession) -> Browser:
    """Alice's browser."""
    return Browser(faked).has(signed_in, session)


def hint(site: Site, client: Client, session: SignInSession) -> str:
    """The ID token that the client got in the session."""
    server: Server = site.app.extensions[Server.NAME]
    claims = {
        "iss": "https://localhost:8443",
        "aud": client.client_id,
        "sub": "alice",
        "exp": NOON - 600,
        "sid": sid_of(session.id, client.client_id),
    }
    with site.app.app_context():
        return server.token_issuer.keys.signer("RS256", NOON).sign("JWT", claims)


def has_ended(site: Site) -> bool:
    """Whether the only session has ended."""
    (row,) = rows(site, "sign_in_session")
    return row["ended_at"] is not None


def asks_first(answer: TestResponse) -> bool:
    """Whether the answer is the page with the question."""
    return answer.status_code == 200 and "logout" in page_of(answer).ids


def leads_back(answer: TestResponse, **query: str) -> bool:
    """Whether the answer sends the browser back to the program."""
    parts = urlsplit(answer.headers.get("Location", ""))
    is_program = f"{parts.scheme}://{parts.netloc}{parts.path}" == AFTER
    return answer.status_code == 303 and is_program and dict(parse_qsl(parts.query)) == query


class TestWithHint:
    """A program that has kept its ID token."""

    @pytest.mark.parametrize("way", ["asks", "asks_by_post"])
    def test_hint_of_the_session_ends_it_at_once(
        self, faked: Site, browser: Browser, portal: Client, session: SignInSession, way: str
    ) -> None:
        """The session ends, its clients are noted, and the browser goes back with the state (2, 3)."""
        sent = {
            "id_token_hint": hint(faked, portal, session),
            "post_logout_redirect_uri": AFTER,
            "state": "s t",
        }
        answer = getattr(browser, way)(**sent)
        assert leads_back(answer, state="s t")
        assert has_ended(faked)
        assert browser.cookie() is None
        assert [row["uri"] for row in rows(faked, "logout_notice")] == [BACKCHANNEL]
        (event,) = [row for row in rows(faked, "audit_event") if row["event"] == "session.ended"]
        assert (event["client_id"], str(event["reason"])[:6]) == (portal.client_id, "logout")
        (line,) = [line for line in faked.log_lines() if line["event"] == "session.ended"]
        assert (line["client_id"], line["reason"]) == (portal.client_id, "logout")

    def test_without_an_address_the_user_reads_that_it_is_done(
        self, faked: Site, browser: Browser, portal: Client, session: SignInSession
    ) -> None:
        """An address is not necessary."""
        answer = browser.asks(id_token_hint=hint(faked, portal, session), state="s")
        assert (answer.status_code, has_ended(faked)) == (200, True)
        assert "signed out" in page_of(answer).title

    def test_hint_of_another_session_asks(
        self, faked: Site, browser: Browser, portal: Client, signed_in: SignedIn
    ) -> None:
        """The program of an earlier session cannot end the present one without a question (2)."""
        earlier = signed_in.ended(portal)
        answer = browser.asks(id_token_hint=hint(faked, portal, earlier), post_logout_redirect_uri=AFTER)
        assert asks_first(answer)
        assert len([row for row in rows(faked, "sign_in_session") if row["ended_at"] is None]) == 1
        assert leads_back(browser.submit(answer))

    def test_nobody_signed_in_goes_straight_back(
        self, faked: Site, portal: Client, session: SignInSession
    ) -> None:
        """Without a session there is nothing to ask; the hint proves that the program knows the user."""
        visitor = Browser(faked)
        sent = {"id_token_hint": hint(faked, portal, session), "post_logout_redirect_uri": AFTER}
        assert leads_back(visitor.asks(**sent))
        assert not has_ended(faked)

    def test_repetition_leads_back_again(
        self, faked: Site, browser: Browser, portal: Client, session: SignInSession
    ) -> None:
        """The back button after a logout, and a second click, are no errors."""
        sent = {"id_token_hint": hint(faked, portal, session), "post_logout_redirect_uri": AFTER}
        place = browser.get("/oauth/logout", **sent).headers["Location"]
        assert leads_back(browser.get(place))
        assert leads_back(browser.get(place))


class TestQuestion:
    """The page that asks."""

    def test_page_asks_without_a_hint(self, faked: Site, browser: Browser, portal: Client) -> None:
        """Without a hint the user decides (2), and then goes back to the program that asked."""
        page = browser.asks(client_id=portal.client_id, post_logout_redirect_uri=AFTER, state="s")
        assert asks_first(page)
        assert not has_ended(faked)
        assert "alice" in page.text
        assert "&lt;b&gt;Portal&lt;/b&gt; asks to sign you out." in page.text
        answer = browser.submit(page)
        assert leads_back(answer, state="s")
        assert has_ended(faked)
        assert browser.cookie() is None

    def test_form_may_lead_to_the_program(self, browser: Browser, portal: Client) -> None:
        """Chromium applies form-action to the redirect after the form, so the policy names the program."""
        page = browser.asks(client_id=portal.client_id, post_logout_redirect_uri=AFTER)
        assert "form-action 'self' https://portal.example.edu;" in page.headers["Content-Security-Policy"]
        assert "form-action 'self';" in browser.get("/logout").headers["Content-Security-Policy"]

    def test_user_signs_out_alone(self, faked: Site, browser: Browser) -> None:
        """The page needs no program."""
        page = browser.get("/logout")
        assert asks_first(page)
        answer = browser.send(page)
        assert (answer.status_code, has_ended(faked)) == (200, True)
        assert "signed out" in page_of(answer).title
        assert page_of(browser.get("/logout")).title == page_of(answer).title

    def test_user_who_asked_for_privacy_is_not_named(self, faked: Site, signed_in: SignedIn) -> None:
        """The page names no user who asked for privacy."""
        private = signed_in.begin(net_id=None, person={"private": True})
        page = Browser(faked).has(signed_in, private).get("/logout")
        assert asks_first(page)
        assert "You are signed in." in page.text

    def test_second_click_is_no_error(self, faked: Site, browser: Browser, portal: Client) -> None:
        """A form that is sent twice leads to the same place, if the program proved itself, or to our page."""
        page = browser.get("/logout")
        browser.submit(page)
        assert browser.send(page).status_code == 200
        assert has_ended(faked)

    def test_form_of_another_site_ends_nothing(self, faked: Site, browser: Browser) -> None:
        """Without our token the page asks again, and says why (CSRF)."""
        answer = browser.post("/logout", {})
        assert (answer.status_code, has_ended(faked)) == (400, False)
        assert "logout" in page_of(answer).ids

    def test_form_token_ends_with_the_session(
        self, faked: Site, browser: Browser, signed_in: SignedIn, portal: Client
    ) -> None:
        """Who used the browser before knows no form token of the next user."""
        page = browser.get("/logout")
        browser.submit(page)
        browser.has(signed_in, signed_in.begin(portal))
        assert browser.submit(page).status_code == 400
        assert len([row for row in rows(faked, "sign_in_session") if row["ended_at"] is None]) == 1

    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("path", ["/logout", "/oauth/logout"])
    def test_request_without_a_cookie_takes_none_away(
        self, faked: Site, session: SignInSession, method: str, path: str
    ) -> None:
        """A frame or a form of another site brings no cookie, and so must not remove the user's (CSRF)."""
        answer = getattr(Browser(faked).http, method)(path, base_url=ORIGIN)
        assert COOKIE not in str(answer.headers.getlist("Set-Cookie"))
        assert not has_ended(faked)

    def test_unknown_handle_is_a_plain_question(self, faked: Site, browser: Browser) -> None:
        """A handle that is unknown or too old loses the way back, and nothing else."""
        for handle in ("", "x", "A" * 43, "ä" * 43):
            assert asks_first(browser.get("/logout", flow=handle))
        assert not has_ended(faked)

    def test_old_request_is_forgotten(self, faked: Site, browser: Browser, portal: Client) -> None:
        """After an hour the user signs out, and does not go back."""
        page = browser.asks(client_id=portal.client_id, post_logout_redirect_uri=AFTER)
        faked.clock.now += 3601
        answer = browser.send(page)
        assert (answer.status_code, has_ended(faked)) == (200, True)

    def test_handle_of_a_sign_in_is_none_here(self, faked: Site, browser: Browser, portal: Client) -> None:
        """A request for a logout cannot be used as one for a sign-in, nor the other way round."""
        place = browser.get("/oauth/logout", client_id=portal.client_id).headers["Location"]
        handle = dict(parse_qsl(urlsplit(place).query))["flow"]
        assert rows(faked, "authorization_request")[0]["kind"] == "logout"
        assert browser.get("/consent", flow=handle).status_code == 400

    @pytest.mark.parametrize(
        ("tag", "text"), [("de", "Abmelden?"), ("fr de-CH", "Abmelden?"), ("en", "Sign out?")]
    )
    def test_language_is_that_of_the_request(self, browser: Browser, tag: str, text: str) -> None:
        """`ui_locales` chooses the language of the page (2)."""
        assert text in page_of(browser.asks(ui_locales=tag)).title


class TestFaults:
    """A program that makes a mistake, or wants to mislead."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"id_token_hint": "x.y.z", "post_logout_redirect_uri": AFTER},
            {"post_logout_redirect_uri": AFTER},
            {"client_id": "nobody", "post_logout_redirect_uri": AFTER},
            {"post_logout_redirect_uri": "https://evil.example/", "state": "s"},
            {"state": "s"},
        ],
    )
    @pytest.mark.parametrize("has_session", [True, False])
    def test_no_way_back(
        self, faked: Site, signed_in: SignedIn, portal: Client, wrong: dict[str, str], *, has_session: bool
    ) -> None:
        """The user may sign out, and stays here: never an open redirect (3)."""
        visitor = Browser(faked)
        if has_session:
            visitor.has(signed_in, signed_in.begin(portal))
        answer = visitor.asks(**wrong)
        assert asks_first(answer) == has_session
        if has_session:
            answer = visitor.send(answer)
        assert answer.status_code == 200
        assert "evil" not in answer.text
        assert AFTER not in answer.text

    def test_right_hint_with_a_wrong_address_asks(
        self, faked: Site, browser: Browser, portal: Client, session: SignInSession
    ) -> None:
        """The specification leaves open what happens besides the missing redirect: the user is asked."""
        sent = {"id_token_hint": hint(faked, portal, session), "post_logout_redirect_uri": AFTER + "?a=b"}
        answer = browser.asks(**sent)
        assert asks_first(answer)
        assert "made a mistake" in answer.text

    def test_without_a_hint_and_a_session_there_is_a_link(self, faked: Site, portal: Client) -> None:
        """Nobody has confirmed that the program sent the user, so the browser does not go there by itself."""
        answer = Browser(faked).asks(client_id=portal.client_id, post_logout_redirect_uri=AFTER)
        assert answer.status_code == 200
        assert f'<a href="{AFTER}">' in answer.text

    @pytest.mark.parametrize("query", ["state=a&state=b", "state=%ff", "id_token_hint=" + "x" * 9000])
    def test_unreadable_request_is_a_page(self, faked: Site, browser: Browser, query: str) -> None:
        """The page names a reference for the log; a program that asks for JSON gets JSON."""
        answer = browser.http.get(f"/oauth/logout?{query}", base_url=ORIGIN)
        assert answer.status_code == 400
        assert "reference" in answer.text
        told = faked.http.get(f"/oauth/logout?{query}", headers={"Accept": "application/json"})
        assert (told.status_code, told.get_json()["error"]) == (400, "invalid_request")
        assert not has_ended(faked)

    def test_huge_form_is_refused(self, faked: Site, browser: Browser) -> None:
        """A form beyond 16 KiB is not read."""
        assert browser.post("/oauth/logout", {"state": "x" * 20_000}).status_code == 413


class TestOutages:
    """Something is away."""

    def test_directory_that_is_away_stops_no_logout(
        self, faked: Site, fake: FakeDirectory, browser: Browser
    ) -> None:
        """Signing out asks no directory, also where the session is due for a check."""
        faked.clock.now += 1000
        fake.outcome = DirectoryUnavailable("away")
        assert asks_first(browser.get("/logout"))
        assert browser.send(browser.get("/logout")).status_code == 200
        assert has_ended(faked)
        assert fake.sought == []

    @pytest.mark.parametrize("table", ["sign_in_session", "authorization_request"])
    def test_database_that_is_away_is_503(
        self, faked: Site, browser: Browser, portal: Client, table: str
    ) -> None:
        """The user does not read that the session has ended while nobody can know."""
        drop_table(faked, table)
        assert browser.asks(client_id=portal.client_id).status_code == 503
        assert browser.cookie() is not None

    def test_stored_nonsense_is_an_empty_request(self, faked: Site, browser: Browser, portal: Client) -> None:
        """A row of another release does not break the page."""
        place = browser.get("/oauth/logout", client_id=portal.client_id).headers["Location"]
        write_column(faked, "authorization_request", "parameters", '{"unknown": "x", "state": 5}')
        assert asks_first(browser.get(place))


def test_metadata_names_the_endpoint(faked: Site) -> None:
    """Discovery tells programs of both kinds of logout (RP-Initiated 2.1; Back-Channel 2.1)."""
    document: Mapping[str, object] = faked.http.get("/.well-known/openid-configuration").get_json()
    assert document["end_session_endpoint"] == f"{ORIGIN}/oauth/logout"
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True
