"""Any text and any order at the pages about app passwords: an answer, and nothing against the rules."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from login.app_passwords import digest_of, new_app_password
from models import AppPasswordStore
from tests.conftest import Registered, Site
from tests.faults import rows
from tests.generated import examples
from tests.web.own_visitor import NEW, VALUE, OwnVisitor, value_in
from tests.web.test_me import ORIGIN, seen_in, token_in

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
NUMBER = st.one_of(
    TEXT, st.integers().map(str), st.sampled_from(["1", "180", "٣", "1e2", " 7 ", "0x9", "1_0"])
)
SCOPES = st.lists(st.one_of(TEXT, st.sampled_from(["profile", "email", "profile email"])), max_size=4)
NETWORKS = st.one_of(TEXT, st.ip_addresses().map(str), st.ip_addresses(v=4).map(lambda each: f"{each}/24"))
SHARED = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


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


@SHARED
@given(
    typed=st.fixed_dictionaries(
        {"label": TEXT, "days": NUMBER, "scope": SCOPES, "networks": NETWORKS, "form_id": TEXT}
    )
)
@example(
    typed={"label": "x", "days": "1", "scope": ["profile"], "networks": "192.0.2.0/24", "form_id": ""},
)
def test_any_form_is_answered(alice: OwnVisitor, library: Registered, typed: dict[str, object]) -> None:
    """What is made keeps the rules, whatever was typed; everything else is a page that says what is wrong."""
    before = len(rows(alice.site, "app_password"))
    answer = alice.send(library.client_id, alice.form(library.client_id), **typed)
    made = rows(alice.site, "app_password")[before:]
    assert answer.status_code == (200 if made else 400)
    for row in made:
        assert set(str(row["scope"]).split()) <= {"profile", "email"}
        assert alice.site.clock.now < int(str(row["expires_at"])) <= alice.site.clock.now + 180 * 86_400
        assert 1 <= len(str(row["label"])) <= 100
        assert isinstance(row["id"], bytes)
        alice.press(app_password=row["id"].hex())


@SHARED
@given(query=st.dictionaries(st.sampled_from(["program", "label", "seen", "other"]), TEXT))
def test_any_address_is_answered(alice: OwnVisitor, query: dict[str, str]) -> None:
    """An address makes nothing."""
    answer = alice.http.get(NEW, base_url=ORIGIN, query_string=query)
    assert answer.status_code in {200, 400}
    assert rows(alice.site, "app_password") == []


@SHARED
@given(fields=st.dictionaries(st.sampled_from(["app_password", "program", "session"]), TEXT))
def test_any_button_is_answered(alice: OwnVisitor, fields: dict[str, str]) -> None:
    """A value that no button has ends nothing."""
    page = alice.page()
    given_fields = {"csrf_token": token_in(page), "seen": seen_in(page), **fields}
    assert alice.http.post("/me", base_url=ORIGIN, data=given_fields).status_code == 303
    assert alice.page()


def test_third_of_three_at_once_makes_none(
    site: Site, library: Registered, alice: OwnVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that find the same app password do not both replace it: nobody would see one of them."""
    form, end = alice.form(library.client_id), AppPasswordStore.end
    first = value_in(alice.send(library.client_id, form).text)
    second: list[str] = []

    def end_after_another(store: AppPasswordStore, *of: Any) -> bool:
        if not second:
            second.append("is under way")
            second.append(value_in(alice.send(library.client_id, form).text))
        return end(store, *of)

    monkeypatch.setattr(AppPasswordStore, "end", end_after_another)
    third = alice.send(library.client_id, form)
    assert (third.status_code, VALUE.findall(third.text)) == (400, [])
    (row,) = [each for each in rows(site, "app_password") if each["ended_at"] is None]
    assert row["digest"] == digest_of(second[1]) != digest_of(first)


def test_form_that_is_shown_again_repeats_no_app_password(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """Somebody may paste it into a wrong field. The page stays in the browser's history."""
    value = new_app_password()
    for typed in (
        {"label": value},
        {"networks": value},
        {"networks": f"192.0.2.7 {value}"},
        {"scope": [value]},
    ):
        answer = alice.send(library.client_id, alice.form(library.client_id), **typed)
        assert answer.status_code == 400
        assert value not in answer.text
    assert rows(site, "app_password") == []
