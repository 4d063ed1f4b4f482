"""Any text at the page `/device` and at the device authorization endpoint: an answer, never a failure."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Site
from tests.device_page.phone import BASE, Phone, code_of
from tests.faults import rows
from tests.generated import USUAL
from tests.oauth.devices import Device

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
FIELDS = st.dictionaries(
    st.sampled_from(["user_code", "decision", "seen", "csrf_token", "other"]), TEXT, max_size=5
)
SHARED = settings(
    max_examples=USUAL, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SHARED
@given(fields=FIELDS, keeps_token=st.booleans())
def test_any_form_is_answered_and_allows_nothing(
    phone: Phone,
    device: Device,
    fields: dict[str, str],
    keeps_token: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever a form says, the page answers; without the question's own form nothing is allowed."""
    form = {**phone.open().fields(), "user_code": code_of(device), **fields}
    if keeps_token:
        form["csrf_token"] = phone.fields()["csrf_token"]
    if "decision" in form:
        form["decision"] = "allow"
    answer = phone.http.post("/device", base_url=BASE, data=form)
    assert answer.status_code in {200, 400, 429}
    assert "The device is connected" not in answer.text
    assert [row["decided_at"] for row in rows(device.site, "device_code")] == [None]


@SHARED
@given(query=TEXT)
def test_any_address_is_answered(phone: Phone, query: str) -> None:
    """An address with any text shows the field, and repeats no text but a code."""
    answer = phone.http.get("/device", base_url=BASE, query_string={"user_code": query})
    assert answer.status_code == 200


@SHARED
@given(form=st.dictionaries(st.sampled_from(["client_id", "scope", "resource", "client_secret"]), TEXT))
def test_any_device_request_is_answered(faked: Site, form: dict[str, str]) -> None:
    """An error of the protocol, with a constant sentence (RFC 8628, 3.1)."""
    answer = faked.http.post("/oauth/device", data={"client_id": "x", **form})
    assert answer.status_code in {400, 401, 429}


@SHARED
@given(code=TEXT)
def test_any_device_code_is_answered(device: Device, code: str) -> None:
    """An unknown code is invalid, and an empty one is missing (RFC 8628, 3.5)."""
    answer = device.poll(device_code=code)
    assert answer.status_code == 400
    assert answer.get_json()["error"] in {"invalid_grant", "invalid_request"}
