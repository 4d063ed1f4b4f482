"""`/me`: users see and end their own programs and sessions, and nobody else's."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from models import ConsentStore
from tests.conftest import Registered, Site
from tests.faults import rows
from web.me.browsers import browser_words

ORIGIN = "https://localhost:8443"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
SEEN = re.compile(r'name="seen"[^>]*value="([^"]+)"')
LABEL = re.compile(r'name="session" value="([0-9a-f]+)"')
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"


class Visitor:
    """A browser of the site. Requests stay on the site's origin."""

    def __init__(self, site: Site, user_agent: str = FIREFOX) -> None:
        self.site = site
        self.http: FlaskClient = site.app.test_client()
        self.http.environ_base["HTTP_ACCEPT"] = "text/html,*/*;q=0.8"
        self.http.environ_base["HTTP_USER_AGENT"] = user_agent

    def sign_in(self, net_id: str) -> "Visitor":
        """Sign in by the page, as a user does, and come back to `/me`."""
        asked = self.http.get("/me", base_url=ORIGIN)
        assert asked.status_code == 303
        form = self.http.get(asked.location, base_url=ORIGIN).text
        typed = {"username": net_id, "password": f"{net_id}-password", "csrf_token": token_in(form)}
        answer = self.http.post(asked.location, base_url=ORIGIN, data=typed)
        assert answer.status_code == 303, answer.text
        assert answer.location.endswith("/me")
        return self

    def page(self) -> str:
        """The page `/me`; empty if the browser is asked to sign in."""
        answer = self.http.get("/me", base_url=ORIGIN)
        return answer.text if answer.status_code == 200 else ""

    def press(self, **button: str) -> str:
        """Press a button of the page, and return the page that follows."""
        page = self.page()
        given = {"csrf_token": token_in(page), "seen": seen_in(page), **button}
        return self.http.post("/me", base_url=ORIGIN, data=given, follow_redirects=True).text

    def labels(self) -> list[str]:
        """The labels of the user's sessions, in the order of the page."""
        return LABEL.findall(self.page())


def token_in(page: str) -> str:
    """The token of the form in a page."""
    found = TOKEN.search(page)
    assert found, page
    return found[1]


def seen_in(page: str) -> str:
    """What the form in a page holds of its session."""
    found = SEEN.search(page)
    return found[1] if found else ""


@pytest.fixture
def library(site: Site) -> Registered:
    """A client that may have several scopes."""
    return site.register("Library & catalogue", "--scope", "profile email")


def test_page_asks_to_sign_in_and_comes_back(site: Site) -> None:
    """Without a session the page leads to the sign-in page, and from there back."""
    assert "You are signed in as <strong>alice</strong>." in Visitor(site).sign_in("alice").page()


def test_page_lists_programs_with_their_scopes_in_words(site: Site, library: Registered) -> None:
    """A program is listed with its name, and what it may learn in words."""
    site.token(library)
    page = Visitor(site).sign_in("alice").page()
    assert "<h3>Library &amp; catalogue</h3>" in page
    assert "See your email address" in page
    assert 'datetime="2027-01-15T08:00:00Z"' in page
    assert page.count(f'name="program" value="{library.client_id}"') == 1


def test_ended_program_loses_its_tokens_at_once(site: Site, library: Registered) -> None:
    """The button ends every grant of the program; its tokens answer 401 at once (RFC 6750, 3.1)."""
    first, second = site.token(library), site.token(library)
    other = site.token(site.register("Another program"))
    browser = Visitor(site).sign_in("alice")
    page = browser.press(program=library.client_id)
    assert "The program has no access any more." in page
    assert "Library" not in page
    assert [site.get("/api/me", each).status_code for each in (first, second, other)] == [401, 401, 200]
    event = next(row for row in rows(site, "audit_event") if row["event"] == "grant.revoked")
    assert (event["client_id"], event["reason"]) == (library.client_id, "user: 2 ended")


def test_ended_program_must_ask_again(site: Site, library: Registered) -> None:
    """The remembered consent goes with the grants, and a program without grants is listed by its consent."""
    browser = Visitor(site).sign_in("alice")
    (session,) = rows(site, "sign_in_session")
    consents = ConsentStore(site.clock)
    with site.app.app_context():
        consents.remember(str(session["subject"]), library.client_id, "profile email")
    assert "Not in use" in browser.page()
    browser.press(program=library.client_id)
    with site.app.app_context():
        assert consents.find(str(session["subject"]), library.client_id) is None


def test_nobody_ends_another_users_program(site: Site, library: Registered) -> None:
    """A program that ends for one user keeps what others gave it."""
    alices = site.token(library)
    bobs = site.token(library, username="bob", password="bob-password")
    Visitor(site).sign_in("bob").press(program=library.client_id)
    assert site.get("/api/me", bobs).status_code == 401
    assert site.get("/api/me", alices).status_code == 200


@pytest.mark.parametrize("button", ["program", "everywhere"])
def test_form_of_one_user_ends_nothing_of_another(site: Site, library: Registered, button: str) -> None:
    """Alice left her page open in a tab, and carol signed in in another."""
    token = site.token(library, username="carol", password="carol-password")
    visitor = Visitor(site).sign_in("alice")
    form = visitor.page()
    signed_in = Visitor(site).sign_in("carol")
    cookie = signed_in.http.get_cookie("__Host-signin", domain="localhost")
    assert cookie
    visitor.http.set_cookie("__Host-signin", cookie.value, domain="localhost", path="/", secure=True)
    given = {"csrf_token": token_in(form), "seen": seen_in(form), button: library.client_id}
    answer = visitor.http.post("/me", base_url=ORIGIN, data=given)
    assert answer.status_code == 400
    assert "signed in as <strong>carol</strong>" in answer.text
    assert "has changed" in answer.text
    assert site.get("/api/me", token).status_code == 200
    assert signed_in.page()


def test_page_marks_this_browser_among_the_sessions(site: Site) -> None:
    """Each session is listed with its browser and address; the id of no session is in the page."""
    Visitor(site, SAFARI).sign_in("alice")
    site.clock.now += 60
    page = Visitor(site).sign_in("alice").page()
    assert page.index("Firefox on Linux") < page.index("Safari on iPhone")
    assert page.count("This browser") == 1
    assert page.index("This browser") < page.index("Safari on iPhone")
    assert "127.0.0.1" in page
    ids = [row["id"] for row in rows(site, "sign_in_session")]
    assert all(isinstance(each, bytes) and each.hex() not in page for each in ids)


def test_other_session_of_mine_is_ended(site: Site) -> None:
    """The button of another browser signs out that browser, and not this one."""
    phone, desk = Visitor(site, SAFARI).sign_in("alice"), Visitor(site)
    site.clock.now += 60
    desk.sign_in("alice")
    this, other = desk.labels()
    assert "The sign-in was ended." in desk.press(session=other)
    assert (phone.page(), desk.labels()) == ("", [this])


def test_nobody_ends_another_users_session(site: Site) -> None:
    """The label of another user's session ends nothing."""
    alice, bob = Visitor(site).sign_in("alice"), Visitor(site).sign_in("bob")
    (label,) = alice.labels()
    bob.press(session=label)
    assert alice.labels() == [label]


@pytest.mark.parametrize("button", ["session", "everywhere"])
def test_own_session_is_ended_with_its_cookie(site: Site, button: str) -> None:
    """Signing out here or everywhere takes the cookie, and the old cookie opens nothing."""
    browser, other = Visitor(site).sign_in("alice"), Visitor(site, SAFARI).sign_in("alice")
    bob = Visitor(site).sign_in("bob")
    cookie = browser.http.get_cookie("__Host-signin", domain="localhost")
    assert cookie is not None
    assert "You are signed out" in browser.press(**{button: this_label(browser.page())})
    assert browser.http.get_cookie("__Host-signin", domain="localhost") is None
    browser.http.set_cookie("__Host-signin", cookie.value, domain="localhost")
    assert browser.page() == ""
    assert (other.page() == "") is (button == "everywhere")
    assert bob.page()


def this_label(page: str) -> str:
    """The label of the session that the page marks as this browser's."""
    found = LABEL.search(page, page.index("This browser"))
    assert found
    return found[1]


@pytest.mark.parametrize("button", ["program", "session", "everywhere"])
def test_form_of_another_site_ends_nothing(site: Site, library: Registered, button: str) -> None:
    """A form without the token of this browser changes nothing, and says what to do."""
    token, browser = site.token(library), Visitor(site).sign_in("alice")
    value = {"program": library.client_id, "session": browser.labels()[0], "everywhere": "yes"}[button]
    answer = browser.http.post("/me", base_url=ORIGIN, data={button: value})
    assert answer.status_code == 400
    assert "Please send it again." in answer.text
    assert site.get("/api/me", token).status_code == 200
    assert len(browser.labels()) == 1


@pytest.mark.parametrize("value", ["", "x", "\0", "é" * 300, "' OR 1=1 --", "../.."])
@pytest.mark.parametrize("button", ["program", "session"])
def test_unknown_value_ends_nothing(site: Site, library: Registered, button: str, value: str) -> None:
    """Values that no button has end nothing, and are no fault of the server."""
    token, browser = site.token(library), Visitor(site).sign_in("alice")
    page = browser.page()
    given = {"csrf_token": token_in(page), "seen": seen_in(page), button: value}
    assert browser.http.post("/me", base_url=ORIGIN, data=given).status_code == 303
    assert site.get("/api/me", token).status_code == 200
    assert len(browser.labels()) == 1


def test_idle_session_is_not_listed(make_site: Callable[..., Site]) -> None:
    """A session that ended because nobody used it is not among the live ones."""
    site = make_site(NETID_SESSION_IDLE_TTL="600")
    Visitor(site, SAFARI).sign_in("alice")
    site.clock.now += 700
    assert "Safari" not in Visitor(site).sign_in("alice").page()


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Safari/537.36", "Chrome on macOS"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "curl"),
        ("", "An unknown browser"),
        ("<script>alert(1)</script>", "An unknown browser"),
    ],
)
def test_browser_is_said_in_words(site: Site, user_agent: str, words: str) -> None:
    """A user recognises the browser, not its header."""
    with site.app.test_request_context():
        assert browser_words(user_agent) == words
