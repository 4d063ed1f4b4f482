"""`/me` and `/me/app-passwords/new`: users make, see and end their own app passwords."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from login.app_passwords import digest_of
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import rows, without_table
from tests.web.own_visitor import NEW, VALUE, OwnVisitor, hidden_in, value_in
from tests.web.test_me import ORIGIN, token_in

DAY = 86_400


@pytest.fixture
def library(site: Site) -> Registered:
    """A client with the password grant and two scopes."""
    return site.register("Library & catalogue", "--scope", "profile email")


@pytest.fixture
def alice(site: Site) -> OwnVisitor:
    """A browser in which alice has just signed in."""
    visitor = OwnVisitor(site)
    visitor.sign_in("alice")
    return visitor


def made(site: Site) -> list[dict[str, object]]:
    """The stored app passwords."""
    return rows(site, "app_password")


def live(site: Site) -> list[dict[str, object]]:
    """Those that have not ended."""
    return [row for row in made(site) if row["ended_at"] is None]


def test_app_password_is_shown_once_and_stored_as_a_digest(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The answer to the form has the value; table, log, later pages and addresses do not."""
    form = alice.form(library.client_id)
    answer = alice.send(library.client_id, form, networks="192.0.2.0/24, 2001:db8::/32")
    (value,) = VALUE.findall(answer.text)
    (row,) = made(site)
    assert (row["digest"], row["label"], row["scope"]) == (digest_of(value), "script", "profile email")
    assert (row["net_id"], row["created_by"]) == ("alice", None)
    assert row["expires_at"] == site.clock.now + 30 * DAY
    assert "192.0.2.0/24" in str(row["networks"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert value not in str(rows(site, "app_password") + rows(site, "audit_event"))
    assert value not in site.log.getvalue()
    assert value not in alice.page()
    assert "Location" not in answer.headers


def test_making_one_is_audited(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The row names user, client, scope and app password."""
    alice.make(library.client_id)
    (row,) = made(site)
    (event,) = (each for each in rows(site, "audit_event") if each["event"] == "app_password.created")
    assert isinstance(row["id"], bytes)
    assert (event["subject"], event["client_id"]) == (row["subject"], library.client_id)
    assert (event["scope"], event["app_password_id"]) == ("profile email", row["id"].hex())
    assert event["address"] == "127.0.0.1"
    (line,) = (each for each in site.log_lines() if each["event"] == "app_password.created")
    assert line["app_password_id"] == row["id"].hex()


def test_page_lists_app_passwords(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """Label, program, scopes in words, networks, made, last used and end."""
    alice.make(library.client_id, label="<b>my script</b>", networks="192.0.2.0/24")
    page = alice.page()
    assert "<h3>&lt;b&gt;my script&lt;/b&gt;</h3>" in page
    assert "<dd>Library &amp; catalogue</dd>" in page
    assert "See your email address" in page
    assert "192.0.2.0/24" in page
    assert 'datetime="2027-01-15T08:00:00Z"' in page
    assert "<dd>Never</dd>" in page
    assert 'datetime="2027-02-14T08:00:00Z"' in page


def test_app_password_is_ended_by_its_button(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The page says so, lists it no more, and the audit has the reason."""
    alice.make(library.client_id, label="one")
    site.clock.now += 1
    alice.make(library.client_id, label="another")
    ended = next(row for row in made(site) if row["label"] == "one")
    assert isinstance(ended["id"], bytes)
    page = alice.press(app_password=ended["id"].hex())
    assert "The app password was ended." in page
    assert "<h3>one</h3>" not in page
    assert "<h3>another</h3>" in page
    assert [row["label"] for row in live(site)] == ["another"]
    event = next(row for row in rows(site, "audit_event") if row["event"] == "app_password.ended")
    assert (event["reason"], event["app_password_id"]) == ("user", ended["id"].hex())


def test_nobody_sees_or_ends_another_users_app_password(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Its id in bob's form ends nothing."""
    alice.make(library.client_id)
    (row,) = live(site)
    assert isinstance(row["id"], bytes)
    bob = OwnVisitor(site)
    bob.sign_in("bob")
    assert row["id"].hex() not in bob.page()
    assert "was ended" not in bob.press(app_password=row["id"].hex())
    assert live(site) == [row]


def test_end_of_a_programs_access_ends_its_app_passwords(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The program cannot come back by itself; those of other programs stay."""
    other = site.register("Another program", "--scope", "profile")
    site.token(library)
    alice.make(library.client_id)
    alice.make(other.client_id, scope=["profile"])
    alice.press(program=library.client_id)
    assert [row["client_id"] for row in live(site)] == [other.client_id]


@pytest.mark.parametrize("value", ["", "x", "\0", "é" * 300, "' OR 1=1 --", "00" * 16])
def test_unknown_id_ends_nothing(site: Site, library: Registered, alice: OwnVisitor, value: str) -> None:
    """A value that no button has is no fault of the server."""
    alice.make(library.client_id)
    assert "was ended" not in alice.press(app_password=value)
    assert len(live(site)) == 1


def test_form_of_another_site_makes_nothing(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """Without the token of this browser nothing is made, nor with that of another browser."""
    bob = OwnVisitor(site)
    bob.sign_in("bob")
    theirs = bob.form(library.client_id)
    for form in ({}, theirs, {**alice.form(library.client_id), "csrf_token": theirs["csrf_token"]}):
        answer = alice.send(library.client_id, form)
        assert answer.status_code == 400
        assert not VALUE.search(answer.text)
    assert made(site) == []


def test_form_of_one_user_makes_nothing_for_another(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Alice left her form open in a tab, and bob signed in in another."""
    form = alice.form(library.client_id)
    bob = OwnVisitor(site)
    bob.sign_in("bob")
    cookie = bob.http.get_cookie("__Host-signin", domain="localhost")
    assert cookie
    alice.http.set_cookie("__Host-signin", cookie.value, domain="localhost", path="/", secure=True)
    answer = alice.send(library.client_id, form)
    assert answer.status_code == 400
    assert "has changed" in answer.text
    assert made(site) == []


def test_address_alone_makes_nothing(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """What a link holds is not taken: only a form that was sent makes something."""
    form = alice.form(library.client_id)
    query = {"program": library.client_id, "label": "x", "days": "3", "scope": "profile", **form}
    page = alice.http.get(NEW, base_url=ORIGIN, query_string=query)
    assert page.status_code == 200
    assert 'value="x"' not in page.text
    assert made(site) == []


def test_double_click_leaves_one_app_password(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The browser shows the second answer alone, and its value is the one that works."""
    form = alice.form(library.client_id)
    first, second = (alice.send(library.client_id, form) for _ in range(2))
    values = [VALUE.findall(each.text)[0] for each in (first, second)]
    assert [row["digest"] for row in live(site)] == [digest_of(values[1])]


def test_two_halves_of_a_double_click_at_once_leave_one(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Whichever is stored first: one lives, and one of the two answers has its value."""
    form, other = alice.form(library.client_id), OwnVisitor(site)
    for name in ("__Host-signin", "__Host-session"):
        cookie = alice.http.get_cookie(name, domain="localhost")
        assert cookie
        other.http.set_cookie(name, cookie.value, domain="localhost", path="/", secure=True)
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(each.send, library.client_id, form) for each in (alice, other)]
        answers = [each.result() for each in sent]
    assert [answer.status_code for answer in answers] == [200, 200]
    (row,) = live(site)
    assert row["digest"] in [digest_of(value_in(answer.text)) for answer in answers]


def test_app_password_that_cannot_be_stored_is_shown_to_nobody(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Without its audit row nothing is made; the page says that the server is not available."""
    form = alice.form(library.client_id)
    with without_table(site, "audit_event"):
        answer = alice.send(library.client_id, form)
    assert answer.status_code == 503
    assert not VALUE.search(answer.text)
    assert made(site) == []
    with without_table(site, "app_password"):
        assert alice.http.get("/me", base_url=ORIGIN).status_code == 503
        assert alice.send(library.client_id, form).status_code == 503


def test_form_that_is_sent_again_later_makes_nothing(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Reloading the page with the value does not replace an app password that is in use."""
    form = alice.form(library.client_id)
    alice.send(library.client_id, form)
    (before,) = live(site)
    site.clock.now += 10
    again = alice.send(library.client_id, form)
    assert again.status_code == 400
    assert "has made its app password already" in again.text
    assert live(site) == [before]


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"label": ""}, "label", "The label must have 1 to 100 printable characters"),
        ({"days": "181"}, "days", "An app password can last for 1 to 180 days."),
        ({"days": "soon"}, "days", "An app password can last for 1 to 180 days."),
        ({"days": "9" * 5000}, "days", "An app password can last for 1 to 180 days."),
        ({"days": "-1"}, "days", "An app password can last for 1 to 180 days."),
        ({"scope": []}, "scope", "Choose at least one permission."),
        ({"scope": ["groups"]}, "scope", "The program may not have the permission"),
        ({"networks": "<b>here</b>"}, "networks", "must be an address or a network"),
        ({"networks": "192.0.2.1/24"}, "networks", "must be an address or a network"),
    ],
)
def test_mistake_is_shown_at_its_field_and_makes_nothing(
    library: Registered, alice: OwnVisitor, typed: dict[str, object], field: str, sentence: str
) -> None:
    """The form keeps what the user typed, and links the field."""
    answer = alice.send(library.client_id, alice.form(library.client_id), **{"label": "mine", **typed})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert f'href="#{field}"' in answer.text
    assert "<b>here" not in answer.text
    assert ('value="mine"' in answer.text) is (field != "label")
    assert made(alice.site) == []


def test_refused_form_can_be_corrected(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The form of the answer makes the app password."""
    refused = alice.send(library.client_id, alice.form(library.client_id), label="")
    form = {"csrf_token": token_in(refused.text), **hidden_in(refused.text)}
    assert alice.send(library.client_id, form).status_code == 200
    assert len(live(site)) == 1


def test_most_app_passwords_of_a_user(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The 51st is refused with a sentence."""
    for number in range(50):
        alice.make(library.client_id, label=f"number {number}")
    answer = alice.send(library.client_id, alice.form(library.client_id))
    assert answer.status_code == 400
    assert "as many app passwords as one user can have" in answer.text
    assert len(live(site)) == 50


def test_most_app_passwords_of_a_day(
    site: Site, library: Registered, alice: OwnVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further one is refused with a sentence, at the page and by the command."""
    monkeypatch.setattr("models.app_passwords.app_password_store.MAX_MADE_IN_A_DAY", 1)
    alice.make(library.client_id)
    answer = alice.send(library.client_id, alice.form(library.client_id))
    assert answer.status_code == 400
    assert "You made too many app passwords within a day." in answer.text
    wish = ("--label", "script", "--days", "1")
    result = site.app.test_cli_runner().invoke(
        args=["app-password", "create", library.client_id, "alice", *wish]
    )
    assert (result.exit_code, "Too many app passwords were made" in result.output) == (1, True)
    assert len(live(site)) == 1


def test_choice_offers_the_users_own_programs(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """Those that hold access and take app passwords; others are found by their id alone."""
    unused = site.register("Unused program", "--scope", "profile")
    site.token(library)
    page = alice.open().text
    assert "Library &amp; catalogue</a>" in page
    assert "Unused program" not in page
    assert alice.open(unused.client_id).status_code == 200


@pytest.mark.parametrize("value", ["no-such-client", "", "\0", "é", "x" * 5000, "<b>x</b>", "' OR 1=1 --"])
def test_unknown_program_is_refused_like_one_without_app_passwords(
    site: Site, alice: OwnVisitor, value: str
) -> None:
    """No sentence tells which ids exist."""
    answer = alice.open(value)
    assert answer.status_code == 400
    assert "This program takes no app passwords." in answer.text
    assert "<b>x" not in answer.text
    code = site.register("Code", "--redirect-uri", "https://a.example/", grant="authorization_code")
    assert "This program takes no app passwords." in alice.open(code.client_id).text


def test_excluded_user_makes_none(site: Site, alice: OwnVisitor) -> None:
    """The rules of the client about people apply."""
    strict = site.register("Payroll", "--allow-member", "affiliation:nobody-has-it")
    answer = alice.open(strict.client_id)
    assert (answer.status_code, made(site)) == (400, [])
    assert "exclude you" in answer.text
    form = alice.form(site.register("Other").client_id)
    assert alice.send(strict.client_id, form).status_code == 400
    assert made(site) == []


def test_client_that_takes_none_any_more_makes_none(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The rules are applied when the form is sent, not only when it is opened."""
    form = alice.form(library.client_id)
    site.run("client", "disable", library.client_id, "--yes")
    assert alice.send(library.client_id, form).status_code == 400
    assert made(site) == []


@pytest.mark.parametrize("option", [("--app-passwords", "off"), ("--off",)], ids=" ".join)
def test_policy_of_a_client_forbids_app_passwords(
    site: Site, library: Registered, alice: OwnVisitor, option: tuple[str, ...]
) -> None:
    """A form that was open before the step makes nothing, and the program is offered no more."""
    site.token(library)
    form = alice.form(library.client_id)
    site.run("password-grant", "set", library.client_id, *option)
    answer = alice.send(library.client_id, form)
    assert (answer.status_code, made(site)) == (400, [])
    assert "This program takes no app passwords." in answer.text
    assert "Library" not in alice.open().text


def test_closed_client_gives_app_passwords_to_its_users_alone(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Alice used it before it was closed, bob did not."""
    site.token(library)
    site.clock.now += 60
    site.run("password-grant", "set", library.client_id, "--closed-to-new-people")
    site.clock.now += 60
    bob = OwnVisitor(site)
    bob.sign_in("bob")
    refused = bob.open(library.client_id)
    assert (refused.status_code, "This program takes no new users." in refused.text) == (400, True)
    alice.make(library.client_id)
    assert [row["net_id"] for row in live(site)] == ["alice"]


def test_client_with_app_passwords_only_is_left_by_one_changed_value(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The Net ID password is refused, and the app password in its place gives a token."""
    value = alice.make(library.client_id)
    site.run("password-grant", "set", library.client_id, "--app-passwords", "only")
    assert site.ask_token(library).get_json()["error"] == "unauthorized_client"
    assert site.ask_token(library, password=value).status_code == 200


def test_server_without_a_search_account_offers_none(make_site: Callable[..., Site]) -> None:
    """`/me` and the page say so, and the page makes nothing."""
    template = "uid={username},ou=people,dc=campus,dc=example"
    site = make_site(FakeDirectory(), NETID_LDAP_USER_DN_TEMPLATE=template)
    visitor = OwnVisitor(site)
    visitor.sign_in("alice")
    assert "App passwords are not available here." in visitor.page()
    assert NEW not in visitor.page()
    client = site.register("Library")
    answer = visitor.open(client.client_id)
    assert answer.status_code == 404
    assert "App passwords are not available here." in answer.text
    sent = visitor.send(client.client_id, {"csrf_token": token_in(visitor.page())})
    assert (sent.status_code, made(site)) == (404, [])
