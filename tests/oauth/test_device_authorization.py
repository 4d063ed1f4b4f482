"""The device authorization endpoint (RFC 8628, 3.1 and 3.2)."""

from collections.abc import Callable

import pytest

from tests.conftest import Registered, Site
from tests.faults import rows, without_table
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)
from tests.oauth.devices import DEVICE_GRANT, Device, register_device


@pytest.fixture
def device_client(faked: Site) -> Registered:
    """A public client for the device grant."""
    return register_device(faked)


def test_answer_has_codes_and_the_page(faked: Site, device_client: Registered) -> None:
    """Section 3.2: two codes, the page with and without the code, ten minutes, five seconds."""
    answer = faked.post("/oauth/device", device_client)
    assert status_and_error(answer) == (200, None)
    codes = answer.get_json()
    user_code, page = codes["user_code"], "https://localhost:8443/device"
    assert codes == {
        "device_code": codes["device_code"],
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={user_code}",
        "expires_in": 600,
        "interval": 5,
        "message": f"To sign in, open {page} in a browser and enter the code {user_code}.",
    }


def test_confidential_client_must_prove_itself(faked: Site) -> None:
    """Section 3.1: client authentication is that of the token endpoint."""
    client = faked.register("a kiosk", "--scope", "profile", grant=DEVICE_GRANT)
    assert status_and_error(faked.post("/oauth/device", client, scope="profile"))[0] == 200
    without_secret = faked.post("/oauth/device", Registered(client.client_id, ""))
    assert status_and_error(without_secret) == INVALID_CLIENT
    assert status_and_error(faked.http.post("/oauth/device", data={"scope": "profile"})) == INVALID_CLIENT


def test_page_is_below_the_path_of_the_issuer(make_site: Callable[..., Site]) -> None:
    """The issuer of a server behind a proxy may have a path of its own."""
    site = make_site(NETID_ISSUER="https://campus.example/netid")
    codes = Device.start(site, register_device(site)).codes
    assert codes["verification_uri"] == "https://campus.example/netid/device"


def test_table_has_neither_code(faked: Site, device_client: Registered) -> None:
    """Both codes are stored as digests, and no log line has them."""
    codes = Device.start(faked, device_client).codes
    (row,) = rows(faked, "device_code")
    written = f"{row}{faked.log.getvalue()}"
    for name in ("device_code", "user_code"):
        assert codes[name] not in written
        assert codes[name].replace("-", "") not in written
    assert (row["client_id"], row["scope"]) == (device_client.client_id, "profile email")
    assert (row["address"], row["expires_at"]) == ("127.0.0.1", int(faked.clock()) + 600)


def test_taken_user_code_is_drawn_again(
    faked: Site, device_client: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two devices never share a user code."""
    drawn = iter(["BCDFGHJK", "BCDFGHJK", "LMNPQRST"])
    monkeypatch.setattr("oauth.endpoints.device.new_user_code", lambda: next(drawn))
    codes = [Device.start(faked, device_client).codes["user_code"] for _ in range(2)]
    assert codes == ["BCDF-GHJK", "LMNP-QRST"]


def test_client_without_the_grant_is_refused(faked: Site) -> None:
    """Section 3.1 and RFC 6749, 5.2."""
    client = faked.register("a program")
    assert status_and_error(faked.post("/oauth/device", client, scope="default")) == UNAUTHORIZED_CLIENT
    assert rows(faked, "device_code") == []


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"scope": "profile groups"}, INVALID_SCOPE),
        ({"scope": "profile  email"}, INVALID_SCOPE),
        ({"resource": "https://grades.campus.example"}, INVALID_TARGET),
    ],
)
def test_client_gets_no_more_than_it_is_registered_for(
    faked: Site, device_client: Registered, parameters: dict[str, str], error: tuple[int, str]
) -> None:
    """The scope and the audience are checked before any user sees them."""
    assert status_and_error(faked.post("/oauth/device", device_client, **parameters)) == error
    assert rows(faked, "device_code") == []


def test_repeated_scope_is_refused(faked: Site, device_client: Registered) -> None:
    """The strict parser reads this endpoint's form too (RFC 6749, 3.2)."""
    form = {"client_id": device_client.client_id, "scope": ["profile", "email"]}
    assert status_and_error(faked.http.post("/oauth/device", data=form)) == INVALID_REQUEST
    in_url = faked.http.post("/oauth/device?scope=profile", data={"client_id": device_client.client_id})
    assert status_and_error(in_url) == INVALID_REQUEST


def test_client_outside_of_its_networks_is_refused(faked: Site) -> None:
    """A client that is bound to a network gets no code elsewhere."""
    client = register_device(faked, "--network", "192.0.2.0/24")
    assert status_and_error(faked.post("/oauth/device", client)) == INVALID_CLIENT


def test_disabled_client_is_refused(faked: Site, device_client: Registered) -> None:
    """It does not authenticate any more."""
    faked.run("client", "disable", device_client.client_id, "--yes")
    assert status_and_error(faked.post("/oauth/device", device_client)) == INVALID_CLIENT


def test_database_that_fails_is_503(faked: Site, device_client: Registered) -> None:
    """No code is shown that was not stored."""
    with without_table(faked, "device_code"):
        assert status_and_error(faked.post("/oauth/device", device_client)) == UNAVAILABLE


def test_endpoint_has_no_alias_and_takes_post_alone(faked: Site) -> None:
    """`/device` is the page, so the endpoint is under one path."""
    assert faked.http.get("/oauth/device").status_code == 405
    document = faked.http.get("/.well-known/oauth-authorization-server").get_json()
    assert document["device_authorization_endpoint"] == "https://localhost:8443/oauth/device"
    assert DEVICE_GRANT in document["grant_types_supported"]
