"""The page `/device` and the session of its user: before it, at its end, and while nobody can say."""

import re
from dataclasses import replace

from flask.testing import FlaskClient

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import Site
from tests.device_page.phone import BASE, Phone, code_of, error_of, sign_in
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.oauth.devices import Device, end_session, register_device
from web.signin import SignInDesk

ADMINS = "cn=admins,ou=groups,dc=campus,dc=example"


def sign_in_by_password(browser: FlaskClient, phone: Phone) -> Phone:
    """Follow the redirect to the sign-in page, type the password, and come back."""
    page = phone.page.headers["Location"]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(page, base_url=BASE).text)
    assert token
    form = {"csrf_token": token[1], "username": "alice", "password": "alice-password"}
    answer = browser.post(page, base_url=BASE, data=form)
    assert answer.status_code == 303
    return phone.open(answer.headers["Location"].removeprefix(BASE))


def test_session_that_ends_before_the_answer_allows_nothing(
    faked: Site, phone: Phone, device: Device
) -> None:
    """The user must sign in again, and the code is kept for then."""
    session = sign_in(faked, phone.http)
    phone.open().send(user_code=code_of(device))
    end_session(faked, session)
    phone.send(decision="allow")
    assert phone.page.status_code == 303
    assert error_of(device) == "authorization_pending"
    sign_in(faked, phone.http)
    assert phone.open().fields()["user_code"] == code_of(device)


def test_directory_that_is_away_is_503(
    faked: Site, fake: FakeDirectory, phone: Phone, device: Device
) -> None:
    """After five minutes the directory is asked about the user. If it cannot say, nothing is decided."""
    phone.open().send(user_code=code_of(device))
    faked.clock.now += 301
    fake.outcome = DirectoryUnavailable("down")
    assert phone.send(decision="allow").page.status_code == 503
    fake.outcome = ALICE
    assert error_of(device) == "authorization_pending"


def test_user_who_was_disabled_meanwhile_allows_nothing(
    faked: Site, fake: FakeDirectory, phone: Phone, device: Device
) -> None:
    """The directory ends the session, so the page asks for a sign-in."""
    phone.open().send(user_code=code_of(device))
    faked.clock.now += 301
    fake.outcome = InvalidCredentials(Refusal.DISABLED, "disabled")
    assert phone.send(decision="allow").page.status_code == 303
    assert error_of(device) == "authorization_pending"


def test_code_survives_the_sign_in_and_is_stored_nowhere(
    faked: Site, browser: FlaskClient, device: Device
) -> None:
    """The browser keeps the code while its user signs in; the flow in the database has no part of it."""
    phone = Phone(browser).open(device.codes["verification_uri_complete"].removeprefix(BASE))
    assert phone.page.status_code == 303
    assert code_of(device) not in phone.page.headers["Location"]
    stored = str(rows(faked, "authorization_request"))
    assert code_of(device) not in stored
    assert sign_in_by_password(browser, phone).fields()["user_code"] == code_of(device)
    phone.send().send(decision="allow")
    assert error_of(device) is None


def test_kept_code_is_forgotten_once_it_is_shown(browser: FlaskClient, faked: Site, device: Device) -> None:
    """The next visit begins with an empty field."""
    phone = Phone(browser).open(f"/device?user_code={code_of(device)}")
    cookie = next(each for each in phone.page.headers.getlist("Set-Cookie") if "__Host-device" in each)
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert part in cookie
    sign_in(faked, browser)
    assert phone.open().fields()["user_code"] == code_of(device)
    assert phone.open().fields()["user_code"] == ""


def test_groups_are_known_where_only_the_user_may_read_them(faked: Site, browser: FlaskClient) -> None:
    """With a DN template and no service account, the sign-in itself brings the groups that a rule needs."""
    sessions = faked.app.extensions[SignInDesk.NAME].sessions
    sessions._rules = replace(sessions._rules, can_read=False)
    device = Device.start(faked, register_device(faked, "--refuse-member", f"group:{ADMINS}"))
    phone = Phone(browser).open(f"/device?user_code={code_of(device)}")
    sign_in_by_password(browser, phone)
    phone.send()
    assert "Did you start it yourself?" in phone.words
    phone.send(decision="allow")
    assert error_of(device) is None


def test_user_ends_the_device_on_their_own_page(faked: Site, phone: Phone, device: Device) -> None:
    """`/me` lists the device's program, and its end button ends the token at once."""
    phone.open().send(user_code=code_of(device)).send(decision="allow")
    token = device.poll().get_json()["access_token"]
    assert faked.get("/api/me", token).status_code == 200
    phone.open("/me")
    assert "a terminal" in phone.words
    form = {**phone.fields(), "program": device.client.client_id}
    assert phone.http.post("/me", base_url=BASE, data=form).status_code == 303
    assert faked.get("/api/me", token).status_code == 401
