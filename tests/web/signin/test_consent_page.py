"""The page `/consent`: when it is shown, what it says, and what a decision is good for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.web.signin.visitor import Visitor, page_of, parameters_of, register


def test_page_says_who_learns_what_and_as_whom_the_user_is_signed_in(
    client: Registered, visitor: Visitor
) -> None:
    """In words, and where the answer goes."""
    text = page_of(visitor.sign_in(visitor.open(client))).text
    for words in ("Library", "https://app.example", "alice", "Recognise you", "See your name"):
        assert words in text
    assert "email" not in text


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://app.example:8443/callback?a=b", "The answer goes to https://app.example:8443."),
        ("http://[::1]:5555/callback", "The answer goes to http://[::1]:5555."),
        ("org.campus.app:/callback", "The answer goes to an app on this device (org.campus.app)."),
    ],
)
def test_page_says_where_the_answer_goes(site: Site, visitor: Visitor, uri: str, words: str) -> None:
    """A site by its address and port, an app by its private scheme (RFC 8252, 7)."""
    client = register(site, "Campus app", "--redirect-uri", uri)
    page = page_of(visitor.sign_in(visitor.open(client, redirect_uri=uri)))
    assert words in " ".join(page.text.split())


def test_scope_of_the_operator_is_described_in_the_operators_words(site: Site, visitor: Visitor) -> None:
    """A scope without a description shows its name."""
    site.run("scope", "create", "loans", "--description", "See the books that you have borrowed")
    site.run("scope", "create", "fines", "--description", "")
    client = register(site, scope="openid loans fines")
    text = page_of(visitor.sign_in(visitor.open(client, scope="openid loans fines"))).text
    assert "See the books that you have borrowed" in text
    assert "fines" in text


def test_denial_goes_to_the_client_and_is_not_remembered(client: Registered, visitor: Visitor) -> None:
    """`access_denied` (RFC 6749, 4.1.2.1); the next request asks again."""
    answer = parameters_of(visitor.send(visitor.sign_in(visitor.open(client)), decision="deny"))
    assert (answer["error"], answer["state"]) == ("access_denied", "a state")
    assert "allow" in page_of(visitor.open(client)).ids


def test_consent_is_remembered_by_client_and_scope(site: Site, client: Registered, visitor: Visitor) -> None:
    """More scope asks again, and names what is new; another client asks for itself."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    assert "code" in parameters_of(visitor.open(client, scope="openid"))
    page = visitor.open(client, scope="openid profile email")
    before, _, known = page_of(page).text.partition("You have allowed before")
    assert "email" in before
    assert "See your name" in known
    visitor.allow(page)
    assert "code" in parameters_of(visitor.open(client, scope="openid email"))
    assert "allow" in page_of(visitor.open(register(site, "Mensa"))).ids


def test_consent_is_remembered_for_one_user(client: Registered, visitor: Visitor) -> None:
    """Another user is asked."""
    visitor.allow(visitor.sign_in(visitor.open(client)))
    other = Visitor(visitor.site)
    assert "allow" in page_of(other.sign_in(other.open(client), "carol", "carol-password")).ids


def test_first_party_client_needs_no_consent_but_for_offline_access(site: Site, visitor: Visitor) -> None:
    """The operator consents for all users, though not to a token that outlives the session."""
    scope = "openid profile offline_access"
    client = register(site, "Portal", "--first-party", "--grant", "refresh_token", scope=scope)
    assert "code" in parameters_of(visitor.sign_in(visitor.open(client)))
    page = visitor.open(client, scope=scope)
    assert "while you are away" in page_of(page).text
    visitor.allow(page)
    assert "code" in parameters_of(visitor.open(client, scope=scope))


def test_private_user_learns_that_no_details_are_given(make_site: Callable[..., Site]) -> None:
    """The page shows no name of theirs either."""
    site = make_site(FakeDirectory(replace(ALICE, private=True), FakeAccount()))
    visitor = Visitor(site)
    page = visitor.sign_in(visitor.open(register(site)))
    assert "You asked for privacy" in page_of(page).text
    assert "Baker" not in page.text
    assert "signed in as" not in page.text


def test_user_whom_a_rule_of_the_client_excludes_is_refused_before_consent(
    make_site: Callable[..., Site],
) -> None:
    """The user is not asked to allow what they cannot have, and the audit names the rule's kind."""
    site = make_site(FakeDirectory(replace(ALICE, affiliations=("guest",)), FakeAccount()))
    client = register(site, "Grades", "--refuse-member", "affiliation:guest")
    visitor = Visitor(site)
    answer = parameters_of(visitor.sign_in(visitor.open(client)))
    assert answer["error"] == "access_denied"
    (line,) = [each for each in site.log_lines() if each["event"] == "grant.refused"]
    assert (line["reason"], line["subject"]) == ("not_allowed", ALICE.id)


def test_scope_that_a_rule_denies_is_neither_shown_nor_given(make_site: Callable[..., Site]) -> None:
    """The page shows the rest; if nothing is left, the client gets `invalid_scope`."""
    site = make_site(FakeDirectory(replace(ALICE, affiliations=("student",)), FakeAccount()))
    site.run("scope", "create", "grades", "--description", "Change grades", "--needs", "affiliation:staff")
    client = register(site, "Grades", scope="openid grades")
    visitor = Visitor(site)
    page = visitor.sign_in(visitor.open(client, scope="openid grades"))
    assert "Change grades" not in page.text
    assert "code" in parameters_of(visitor.allow(page))
    assert parameters_of(visitor.open(client, scope="grades"))["error"] == "invalid_scope"


@pytest.mark.parametrize("decision", ["", "maybe"])
def test_form_without_a_decision_is_shown_again(client: Registered, visitor: Visitor, decision: str) -> None:
    """Nothing is allowed by default."""
    page = visitor.send(visitor.sign_in(visitor.open(client)), decision=decision)
    assert page.status_code == 400
    assert "allow or deny" in page_of(page).text
    assert "code" in parameters_of(visitor.allow(page))


def test_form_of_another_site_allows_nothing(client: Registered, visitor: Visitor) -> None:
    """Without the token of the browser's own session there is no consent (CSRF)."""
    page = page_of(visitor.sign_in(visitor.open(client)))
    form = {**page.fields[-1], "decision": "allow", "csrf_token": "forged"}
    answer = visitor.post(page.actions[-1], form)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "allow" in page_of(visitor.open(client)).ids


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1/callback", "org.example.app:/callback"])
def test_consent_to_an_app_that_can_be_imitated_is_asked_each_time(
    site: Site, visitor: Visitor, redirect_uri: str
) -> None:
    """Any program of the user's machine can send such a request (RFC 8252, 8.6)."""
    options = ("--auth-method", "none", "--redirect-uri", redirect_uri, "--scope", "openid profile")
    app = site.register("App", *options, grant="authorization_code")
    request = {"redirect_uri": redirect_uri}
    for page in (visitor.sign_in(visitor.open(app, **request)), visitor.open(app, **request)):
        assert visitor.allow(page).headers["Location"].startswith(f"{redirect_uri}?code=")
    refused = visitor.open(app, prompt="none", **request)
    assert "error=consent_required" in refused.headers["Location"]
