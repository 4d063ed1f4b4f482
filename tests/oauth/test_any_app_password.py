"""Generated logins with what looks like an app password: each gets a plain answer, and none is bound."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from login.app_passwords import new_app_password
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.generated import examples
from tests.oauth.app_passwords import make_app_password

pytestmark = pytest.mark.slow

FORM = "application/x-www-form-urlencoded"

BEFORE = st.text(st.sampled_from(" \t\n\r\x0b\u00a0\u2003\u200b\ufeff\"'`<([{_-.:=*+/\\"), max_size=6)
PREFIX = st.sampled_from(["nidp_", "NIDP_", "Nidp_", "nIdP_", "\uff4e\uff49\uff44\uff50\uff3f"])
AFTER = st.one_of(st.text(max_size=60), st.builds(lambda: new_app_password()[5:]))
VALUES = st.builds(lambda *parts: "".join(parts), BEFORE, PREFIX, AFTER)
NAMES = st.one_of(st.sampled_from(["alice", "Alice ", "carol"]), st.text(max_size=40), VALUES)


@pytest.fixture
def program(make_site: Callable[..., Site], fake: FakeDirectory) -> tuple[Site, Registered, str]:
    """An application without limits, a client, and a right app password."""
    site = make_site(
        fake, **{f"NETID_LIMIT_{name}": "" for name in ("PERSON", "CLIENT", "ADDRESS", "SERVER")}
    )
    client = site.register()
    return site, client, make_app_password(site, client)


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=NAMES, value=VALUES)
@example(name="alice", value="\ud800nidp_")
@example(name="\udfff", value="nidp_")
def test_none_reaches_the_directory(
    program: tuple[Site, Registered, str], fake: FakeDirectory, name: str, value: str
) -> None:
    """The answer is a 400 in JSON, whatever the name, the value and what stands around it."""
    site, client, _ = program
    form = {"grant_type": "password", "username": name, "password": value}
    body = urlencode({key: text.encode(errors="surrogatepass") for key, text in form.items()})
    answer = site.http.post("/oauth/token", data=body, content_type=FORM, auth=client.basic)
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["error"] in {"invalid_grant", "invalid_request"}
    assert (fake.asked, fake.bound, fake.sought) == ([], [], [])


@settings(
    max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(max_size=300))
def test_right_value_under_any_name_gets_a_plain_answer(
    program: tuple[Site, Registered, str], fake: FakeDirectory, name: str
) -> None:
    """Whatever name stands beside a right value, nothing is bound, and nothing fails."""
    site, client, value = program
    answer = site.ask_token(client, username=name, password=value)
    assert answer.status_code in {200, 400}, answer.text
    assert fake.bound == []
