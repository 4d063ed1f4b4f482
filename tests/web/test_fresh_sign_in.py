"""Making an app password needs a sign-in within the last five minutes."""

import pytest

from tests.conftest import Registered, Site
from tests.faults import rows
from tests.web.own_visitor import NEW, VALUE, OwnVisitor
from tests.web.test_me import ORIGIN

AGAIN = "To go on, please type your password again."


@pytest.fixture
def library(site: Site) -> Registered:
    """A client with the password grant and two scopes."""
    return site.register("Library", "--scope", "profile email")


@pytest.fixture
def alice(site: Site) -> OwnVisitor:
    """A browser in which alice has just signed in."""
    visitor = OwnVisitor(site)
    visitor.sign_in("alice")
    return visitor


def test_sign_in_of_less_than_five_minutes_is_enough(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The last second counts."""
    site.clock.now += 299
    assert alice.open(library.client_id).status_code == 200
    site.clock.now += 1
    assert alice.open(library.client_id).status_code == 303


def test_sign_in_of_a_clock_that_was_set_back_is_not_fresh(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """A thief of the session gains no time by it. Another node's clock may be a minute ahead."""
    site.clock.now -= 60
    assert alice.open(library.client_id).status_code == 200
    site.clock.now -= 1
    asked = alice.open(library.client_id)
    assert asked.status_code == 303
    assert alice.sign_in_again(asked, "alice").location == f"{NEW}?program={library.client_id}"
    assert alice.open(library.client_id).status_code == 200


def test_older_sign_in_asks_for_the_password_and_comes_back(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The page names the user. A wrong password does not help, and the right one leads back."""
    site.clock.now += 300
    asked = alice.open(library.client_id)
    page = alice.http.get(asked.location, base_url=ORIGIN).text
    assert AGAIN in page
    assert 'value="alice"' in page
    assert alice.sign_in_again(asked, "alice", "wrong").status_code == 400
    assert alice.open(library.client_id).status_code == 303
    back = alice.sign_in_again(asked, "alice")
    assert (back.status_code, back.location) == (303, f"{NEW}?program={library.client_id}")
    assert alice.open(library.client_id).status_code == 200


def test_form_that_is_sent_too_late_makes_nothing(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """The user types the password again, and then the form."""
    form = alice.form(library.client_id)
    site.clock.now += 300
    answer = alice.send(library.client_id, form)
    assert answer.status_code == 303
    assert "signin" in answer.location
    assert rows(site, "app_password") == []


def test_address_of_an_earlier_sign_in_is_no_way_around(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """An old handle leads to the page, which asks again by itself."""
    site.clock.now += 300
    asked = alice.open(library.client_id)
    alice.sign_in_again(asked, "alice")
    site.clock.now += 300
    back = alice.http.get(asked.location, base_url=ORIGIN)
    assert back.status_code == 303
    assert alice.http.get(back.location, base_url=ORIGIN).status_code == 303


def test_use_of_the_session_is_no_sign_in(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """Only the password counts, not that the browser is busy."""
    for _ in range(5):
        site.clock.now += 60
        assert alice.page()
    assert alice.open(library.client_id).status_code == 303


def test_without_a_session_nothing_is_made(site: Site, library: Registered) -> None:
    """The page leads to the sign-in and back; a form without a session makes nothing."""
    visitor = OwnVisitor(site)
    assert visitor.open(library.client_id).status_code == 303
    answer = visitor.send(library.client_id, {})
    assert answer.status_code in {303, 400}
    assert not VALUE.search(answer.text)
    assert rows(site, "app_password") == []
    back = visitor.sign_in_again(visitor.open(library.client_id), "alice")
    assert back.location == f"{NEW}?program={library.client_id}"


def test_other_user_who_signs_in_there_makes_their_own(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The session is the other user's then, and so is what it makes."""
    site.clock.now += 300
    alice.sign_in_again(alice.open(library.client_id), "bob")
    alice.make(library.client_id)
    assert [row["net_id"] for row in rows(site, "app_password")] == ["bob"]


def test_other_pages_ask_for_no_second_password(site: Site, alice: OwnVisitor) -> None:
    """A session of an hour still opens `/me`."""
    site.clock.now += 3600
    assert alice.page()


@pytest.mark.parametrize("field", ["username", "password"])
def test_app_password_signs_nobody_in(site: Site, library: Registered, alice: OwnVisitor, field: str) -> None:
    """The sign-in page says what it is, counts nothing, and neither logs it nor shows it again."""
    value = alice.make(library.client_id)
    visitor = OwnVisitor(site)
    asked = visitor.http.get("/me", base_url=ORIGIN)
    before = len(site.log_lines()), len(rows(site, "audit_event"))
    typed = {"username": "alice", "password": "alice-password", field: f" {value.upper()}"}
    answer = visitor.sign_in_again(asked, typed["username"], typed["password"])
    assert answer.status_code == 400
    assert "This is an app password" in answer.text
    assert value.upper() not in answer.text
    assert (len(site.log_lines()), len(rows(site, "audit_event"))) == before
    assert visitor.sign_in_again(asked, "alice").status_code == 303
