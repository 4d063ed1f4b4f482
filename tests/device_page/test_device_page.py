"""The page `/device` (RFC 8628, 3.3): a code, a question, an answer."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.conftest import Site
from tests.device_page.phone import BASE, Phone, code_of, error_of, sign_in
from tests.fakes import FakeDirectory
from tests.faults import rows, without_table
from tests.oauth.devices import Device, register_device

ADMINS = "cn=admins,ou=groups,dc=campus,dc=example"


def test_user_allows_a_device(phone: Phone, device: Device) -> None:
    """Section 3.3: the user types the code in any form, reads whose it is, and allows it."""
    phone.open().send(user_code=code_of(device).lower().replace("-", " "))
    assert phone.page.status_code == 200
    assert error_of(device) == "authorization_pending"
    phone.send(decision="allow")
    assert (phone.page.status_code, "The device is connected" in phone.words) == (200, True)
    assert '<a href="/me">' in phone.text
    assert error_of(device) is None


def test_user_denies_a_device(phone: Phone, device: Device) -> None:
    """The device learns it at its next poll."""
    phone.open().send(user_code=code_of(device)).send(decision="deny")
    assert "The device was denied" in phone.words
    assert error_of(device) == "access_denied"


def test_question_names_program_device_and_scopes(phone: Phone, device: Device) -> None:
    """Section 5.4: the user can compare the code, and sees who asks, from where, and for what."""
    phone.open().send(user_code=code_of(device))
    for words in (
        code_of(device),
        "a terminal wants to act for you on a device.",
        "127.0.0.1 (not that of this browser)",
        "See your name and your Net ID",
        "See your email address",
        "alice",
        "A code that came by message, mail or telephone is an attack",
    ):
        assert words in phone.words
    assert re.findall(r'<button type="submit"[^>]* id="([a-z]+)"', phone.text) == ["allow", "deny"]


def test_private_user_is_told_what_the_program_learns(
    faked: Site, browser: FlaskClient, device: Device
) -> None:
    """No name is known of a user who asked for privacy, so the page shows none."""
    sign_in(faked, browser, net_id=None, person={"private": True})
    phone = Phone(browser).open().send(user_code=code_of(device))
    assert "You asked for privacy." in phone.words
    assert "Your account" not in phone.words
    phone.send(decision="allow")
    assert error_of(device) is None
    (grant,) = rows(faked, "grant")
    assert (grant["net_id"], grant["private"], grant["claims"]) == (None, 1, "{}")


def test_field_page_warns_too(phone: Phone) -> None:
    """A user who got a code by message reads the warning before typing it."""
    phone.open()
    assert "Never enter a code that came by message, mail or telephone." in phone.words
    assert 'id="user_code"' in phone.text
    assert 'id="continue"' in phone.text


def test_address_with_the_code_decides_nothing(phone: Phone, device: Device) -> None:
    """Section 3.3.1: `verification_uri_complete` fills in the field; it takes two buttons to allow."""
    path = device.codes["verification_uri_complete"].removeprefix(BASE)
    phone.open(path)
    assert phone.fields()["user_code"] == code_of(device)
    assert "a terminal" not in phone.words
    assert error_of(device) == "authorization_pending"
    phone.send()
    assert "a terminal" in phone.words
    assert error_of(device) == "authorization_pending"
    phone.send(decision="allow")
    assert error_of(device) is None


@pytest.mark.parametrize(
    "query", ["user_code=%3Cscript%3E", "user_code=12345678", "user_code=", "decision=allow"]
)
def test_address_with_other_text_fills_in_nothing(phone: Phone, query: str) -> None:
    """Only a code is shown, so that no address puts words on our page."""
    phone.open(f"/device?{query}")
    assert phone.page.status_code == 200
    assert phone.fields()["user_code"] == ""


def test_first_party_client_is_asked_for_too(faked: Site, phone: Phone) -> None:
    """The operator cannot know who started the program."""
    device = Device.start(faked, register_device(faked, "--first-party"))
    phone.open().send(user_code=code_of(device))
    assert "Did you start it yourself?" in phone.words
    assert error_of(device) == "authorization_pending"


def test_answer_without_the_question_allows_nothing(phone: Phone, device: Device) -> None:
    """A form that never showed the question is answered with the question."""
    phone.open().send(user_code=code_of(device), decision="allow")
    assert phone.page.status_code == 400
    assert "Please look again." in phone.words
    assert error_of(device) == "authorization_pending"
    phone.send(decision="allow")
    assert error_of(device) is None


def test_other_user_of_the_browser_must_look_again(faked: Site, phone: Phone, device: Device) -> None:
    """If somebody else signs in in another tab, the open question allows nothing in their name."""
    phone.open().send(user_code=code_of(device))
    sign_in(faked, phone.http)
    phone.send(decision="allow")
    assert "Please look again." in phone.words
    assert error_of(device) == "authorization_pending"


def test_form_of_another_site_allows_nothing(phone: Phone, device: Device) -> None:
    """A form without our token, or with that of another browser, changes nothing (OWASP ASVS 5.0, V3.5.1)."""
    phone.open().send(user_code=code_of(device))
    for token in ("", "x", phone.fields()["csrf_token"][::-1]):
        answer = phone.http.post(
            "/device", base_url=BASE, data={**phone.fields(), "csrf_token": token, "decision": "allow"}
        )
        assert answer.status_code == 400
    assert error_of(device) == "authorization_pending"
    assert "send it again" in unescape(answer.text)


def test_old_form_keeps_the_code(phone: Phone, device: Device) -> None:
    """A form whose token is no good any more shows the code again, and says what to do."""
    phone.open().send(user_code=code_of(device), csrf_token="an old one")
    assert phone.page.status_code == 400
    assert phone.fields()["user_code"] == code_of(device)


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "hello", "", "1" * 100])
def test_wrong_code_says_what_to_do(phone: Phone, typed: str) -> None:
    """One sentence for an unknown code and for a text that is none; what was typed stays in the field."""
    phone.open().send(user_code=typed)
    assert phone.page.status_code == 400
    assert "No device shows this code now." in phone.words
    assert phone.fields()["user_code"] == typed


def test_too_many_wrong_codes_are_429(phone: Phone, device: Device) -> None:
    """Section 5.1: the page says how long to wait, and looks at no code."""
    phone.open()
    fields = phone.fields()
    for _ in range(10):
        phone.http.post("/device", base_url=BASE, data={**fields, "user_code": "BCDF-GHJK"})
    phone.send(user_code=code_of(device))
    assert (phone.page.status_code, phone.page.headers["Retry-After"]) == (429, "900")
    assert "a quarter of an hour" in phone.words


def test_expired_code_says_so(faked: Site, phone: Phone, device: Device) -> None:
    """Also where it expires while the question is open."""
    phone.open().send(user_code=code_of(device))
    faked.clock.now += 600
    phone.send(decision="allow")
    assert phone.page.status_code == 400
    assert "This code has expired." in phone.words


def test_second_click_shows_the_same_result(phone: Phone, device: Device) -> None:
    """Two clicks, or the back button: the first decision counts, and the page says what it was."""
    phone.open().send(user_code=code_of(device))
    form = phone.fields()
    for decision in ("allow", "allow", "deny"):
        answer = phone.http.post("/device", base_url=BASE, data={**form, "decision": decision})
        assert answer.status_code == 200
        assert "The device is connected" in answer.text
    assert error_of(device) is None


def test_code_that_another_user_allowed_is_used(faked: Site, phone: Phone, device: Device) -> None:
    """A second user learns only that the code is used."""
    device.allow()
    phone.open().send(user_code=code_of(device))
    assert phone.page.status_code == 400
    assert "This code was used before." in phone.words


def test_two_tabs_do_not_mix(faked: Site, phone: Phone) -> None:
    """Each form carries its own code."""
    client = register_device(faked)
    first, second = (Device.start(faked, client) for _ in range(2))
    other = Phone(phone.http)
    phone.open().send(user_code=code_of(first))
    other.open().send(user_code=code_of(second))
    phone.send(decision="allow")
    other.send(decision="deny")
    assert (error_of(first), error_of(second)) == (None, "access_denied")


def test_client_that_is_disabled_meanwhile_gets_nothing(faked: Site, phone: Phone, device: Device) -> None:
    """The question was open while an operator disabled the program."""
    phone.open().send(user_code=code_of(device))
    faked.run("client", "disable", device.client.client_id, "--yes")
    phone.send(decision="allow")
    assert phone.page.status_code == 400
    assert "No device shows this code now." in phone.words


def test_user_whom_a_rule_excludes_can_allow_nothing(faked: Site, phone: Phone) -> None:
    """The page says so, and another user may still allow the device."""
    device = Device.start(faked, register_device(faked, "--allow-member", "affiliation:staff"))
    phone.open().send(user_code=code_of(device))
    assert phone.page.status_code == 403
    assert "You may not use this program with your account." in phone.words
    assert error_of(device) == "authorization_pending"


def test_groups_are_read_where_a_rule_needs_them(faked: Site, fake: FakeDirectory, phone: Phone) -> None:
    """A rule about groups asks the directory, since the session may not know them."""
    device = Device.start(faked, register_device(faked, "--refuse-member", f"group:{ADMINS}"))
    before = len(fake.sought)
    phone.open().send(user_code=code_of(device)).send(decision="allow")
    assert len(fake.sought) > before
    assert error_of(device) is None


def test_database_that_fails_is_503(phone: Phone, device: Device) -> None:
    """The page calls no code wrong while the database cannot look it up."""
    phone.open()
    with without_table(device.site, "device_code"):
        assert phone.send(user_code=code_of(device)).page.status_code == 503
    assert phone.open().send(user_code=code_of(device)).page.status_code == 200


def test_program_gets_json_errors(faked: Site, phone: Phone, device: Device) -> None:
    """A program that sends a form gets JSON (RFC 9110, 12.5.1)."""
    fields = phone.open().fields()
    for _ in range(11):
        answer = phone.http.post(
            "/device",
            base_url=BASE,
            data={**fields, "user_code": "BCDF-GHJK"},
            headers={"Accept": "application/json"},
        )
    assert answer.status_code == 429
    assert answer.get_json()["error_description"].startswith("There were too many wrong codes.")
