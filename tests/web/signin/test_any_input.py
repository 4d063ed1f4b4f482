"""Generated requests to the pages of a sign-in: each gets a plain answer, and none is an error of ours."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Registered, Site
from tests.fakes import FakeAccount, FakeDirectory
from tests.generated import examples
from tests.web.signin.visitor import CALLBACK, ORIGIN, Visitor, flow_of, page_of, register, request_of
from web.signin.session_cookie import COOKIE

pytestmark = pytest.mark.slow

TEXTS = st.one_of(
    st.text(max_size=60), st.sampled_from(["none", "login", "0", "S256", "code", "openid", "{}"])
)
NAMES = st.sampled_from(
    [
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age"),
        *("ui_locales", "login_hint", "id_token_hint", "acr_values", "claims", "code_challenge", "display"),
        *(
            "code_challenge_method",
            "response_mode",
            "request",
            "request_uri",
            "resource",
            "flow",
            "other",
            "why",
        ),
        *("username", "password", "csrf_token", "decision", "seen", "account"),
    ]
)
# Header values as a server passes them on: any octets except those that end a header.
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_USER_AGENT", "HTTP_HOST", "CONTENT_TYPE"]
    ),
    LATIN,
    max_size=3,
)
fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def accepting(make_site: Callable[..., Site]) -> Site:
    """A site whose directory accepts every password."""
    return make_site(FakeDirectory(account=FakeAccount()))


@pytest.fixture
def program(accepting: Site) -> Registered:
    """A client there."""
    return register(accepting)


@settings(fuzz, max_examples=examples(400))
@given(
    path=st.sampled_from(["/oauth/authorize", "/authorize", "/signin", "/consent"]),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    query=st.lists(st.tuples(NAMES, TEXTS), max_size=6),
    form=st.lists(st.tuples(NAMES, TEXTS), max_size=6),
    headers=HEADERS,
)
def test_any_request_is_answered(
    accepting: Site,
    *,
    path: str,
    method: str,
    query: list[tuple[str, str]],
    form: list[tuple[str, str]],
    headers: dict[str, str],
) -> None:
    """By a page, a redirect of ours or a refusal; the log has no error that was not expected."""
    answer = accepting.http.open(
        path,
        method=method,
        base_url=ORIGIN,
        query_string=urlencode(query, errors="surrogatepass"),
        data=urlencode(form, errors="surrogatepass") if method == "POST" else None,
        content_type="application/x-www-form-urlencoded" if method == "POST" else None,
        environ_overrides=headers,
    )
    assert answer.status_code in {200, 303, 400, 413, 415}, answer.text
    assert not answer.headers.get("Location", "/").startswith(("//", "http"))
    assert "unexpected" not in accepting.log.getvalue()


@settings(fuzz, max_examples=examples(300))
@given(
    changes=st.dictionaries(
        NAMES.filter(lambda name: name not in {"client_id", "redirect_uri"}), TEXTS, max_size=4
    )
)
def test_any_request_of_a_client_leads_to_a_page_or_back_to_it(
    accepting: Site, program: Registered, changes: dict[str, str]
) -> None:
    """Errors of proven clients go to their redirect URI and nowhere else, signed in or not."""
    visitor = Visitor(accepting)
    for _ in range(2):
        answer = visitor.get("/oauth/authorize", **{**request_of(program), **changes})
        if answer.status_code == 303 and answer.headers["Location"].startswith("/"):
            answer = visitor.follow(answer)
        assert answer.status_code in {200, 303, 400}, answer.text
        assert answer.headers.get("Location", CALLBACK).startswith(CALLBACK)
        assert "unexpected" not in accepting.log.getvalue()
        accepting.clock.now += 1
        visitor.sign_in(visitor.open(program, prompt="login"))


@settings(fuzz, max_examples=examples(200))
@given(
    typed=st.fixed_dictionaries({"username": st.text(max_size=300), "password": st.text(max_size=300)}),
    cookie=st.one_of(st.none(), LATIN),
)
def test_anything_typed_on_the_page_is_answered(
    accepting: Site, program: Registered, typed: dict[str, str], cookie: str | None
) -> None:
    """The password is written nowhere; a cookie that we did not give opens nothing."""
    visitor = Visitor(accepting)
    # Of very many sessions of one user the oldest ones end.
    accepting.clock.now += 1
    page = visitor.open(program)
    if cookie is not None:
        visitor.http.set_cookie(COOKIE, cookie, domain="localhost")
    assert flow_of(page)
    answer = visitor.sign_in(page, typed["username"], typed["password"])
    assert answer.status_code in {200, 400, 429}, answer.text
    assert "unexpected" not in accepting.log.getvalue()
    if answer.status_code == 200:
        assert page_of(answer).ids & {"allow"}
