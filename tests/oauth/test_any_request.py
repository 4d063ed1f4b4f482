"""Ten thousand generated requests: each gets a plain answer, never a 5xx."""

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from directory import InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.generated import examples

pytestmark = pytest.mark.slow

FORM = "application/x-www-form-urlencoded"
ENDPOINTS = ["/oauth/token", "/token", "/oauth/revoke", "/oauth/introspect"]
GRANTS = ["password", "refresh_token", "client_credentials", "authorization_code", "Password", ""]
NAMES = [
    *("grant_type", "username", "password", "scope", "client_id", "client_secret", "refresh_token", "token"),
    *("token_type_hint", "code", "redirect_uri", "client_assertion", "assertion", "access_token", "resource"),
]
# Header values as a server passes them on: any octets except those that end a header.
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"),
            *("HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING", "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_ORIGIN"),
            *(
                "HTTP_EXPECT",
                "HTTP_IF_NONE_MATCH",
                "HTTP_RANGE",
                "HTTP_X_HTTP_METHOD_OVERRIDE",
                "QUERY_STRING",
            ),
            *("CONTENT_LENGTH", "REMOTE_ADDR"),
        ]
    ),
    LATIN,
    max_size=3,
)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=40)), max_size=8)
LOGIN = st.fixed_dictionaries(
    {"username": st.text(max_size=40), "password": st.text(max_size=40)},
    optional={
        "scope": st.one_of(st.sampled_from(["profile", "email profile"]), st.text(max_size=20)),
        **{
            name: st.text(max_size=40)
            for name in ("resource", "token", "refresh_token", "token_type_hint", "redirect_uri", "x")
        },
    },
).map(lambda form: list(form.items()))
fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def faked(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """An application over the fake directory, without limits on failed client authentications."""
    names = ("ADDRESS", "CLIENT")
    return make_site(fake, **{f"NETID_LIMIT_AUTHENTICATION_{name}": "" for name in names})


@pytest.fixture
def good(faked: Site) -> Registered:
    """A client that may use every grant and introspect, at `faked`."""
    options = ("--grant", "refresh_token client_credentials", "--scope", "profile email", "--resource-server")
    return faked.register("a program", *options, "--url-encoding-hints")


def is_plain(answer: TestResponse, statuses: Callable[[int], bool]) -> bool:
    """Whether an answer is JSON on one line, with an expected status."""
    assert answer.content_type == "application/json"
    assert answer.data.endswith(b"}\n")
    assert isinstance(answer.get_json(), dict)
    return statuses(answer.status_code)


def refused(status: int) -> bool:
    """Whether a status blames the request."""
    return 400 <= status < 500


def answered(status: int) -> bool:
    """Whether a status is 200 or blames the request."""
    return status == 200 or refused(status)


@settings(fuzz, max_examples=examples(4000))
@given(
    body=st.one_of(
        st.binary(max_size=200),
        PAIRS.map(lambda pairs: urlencode(pairs, errors="surrogatepass").encode()),
    ),
    content_type=st.one_of(st.just(FORM), LATIN),
    authorization=st.one_of(st.none(), LATIN),
    path=st.sampled_from(ENDPOINTS),
    headers=HEADERS,
)
@example(
    body=b"grant_type=password&username=a&password=b",
    content_type=FORM,
    authorization="Basic /////w==",
    path="/oauth/token",
    headers={},
)
@example(
    body=b"grant_type=password&client_id=\xf0\x9f\x92\xa9&client_secret=x",
    content_type=FORM,
    authorization=None,
    path="/oauth/token",
    headers={},
)
def test_any_bytes_are_a_refusal(
    faked: Site,
    *,
    body: bytes,
    content_type: str,
    authorization: str | None,
    path: str,
    headers: dict[str, str],
) -> None:
    """Any octets as body, type and headers get JSON and never a 5xx (RFC 6749, 5.2)."""
    environ: dict[str, object] = {"CONTENT_TYPE": content_type, **headers}
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization
    assert is_plain(faked.http.post(path, data=body, environ_overrides=environ), refused)


@settings(fuzz, max_examples=examples(3000))
@given(
    pairs=st.one_of(PAIRS, LOGIN),
    grant=st.sampled_from(GRANTS),
    path=st.sampled_from(ENDPOINTS),
    headers=HEADERS,
    known=st.booleans(),
)
def test_any_parameters_of_a_client_are_answered(
    faked: Site,
    fake: FakeDirectory,
    good: Registered,
    *,
    pairs: list[tuple[str, str]],
    grant: str,
    path: str,
    headers: dict[str, str],
    known: bool,
) -> None:
    """Any text in any parameter of an authenticated client gets no 5xx, whatever the directory answers."""
    fake.outcome = ALICE if known else InvalidCredentials(Refusal.WRONG_PASSWORD)
    kept = {"CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"}
    given_pairs = [*pairs, ("grant_type", grant)] if path in {"/oauth/token", "/token"} else pairs
    answer = faked.http.post(
        path,
        data=urlencode(given_pairs, errors="surrogatepass"),
        content_type=FORM,
        auth=good.basic,
        environ_overrides={name: value for name, value in headers.items() if name not in kept},
    )
    assert is_plain(answer, answered)


@settings(fuzz, max_examples=examples(3000))
@given(
    scheme=st.sampled_from(["Basic", "basic", "BASIC", "Basic ", "Bearer", "Digest", "", "Basic\t"]),
    credentials=st.one_of(
        st.binary(max_size=60),
        st.tuples(st.text(max_size=30), st.text(max_size=30)).map(
            lambda pair: ":".join(pair).encode("utf-8", "surrogatepass")
        ),
        st.tuples(st.text(max_size=20), st.text(max_size=20)).map(
            lambda pair: ":".join(quote(part, errors="surrogatepass") for part in pair).encode()
        ),
        st.text(max_size=40).map(lambda secret: b"\x00good:" + secret.encode("utf-8", "surrogatepass")),
    ),
    mangle=st.sampled_from(
        [lambda text: text, lambda text: text[:-1], lambda text: text + "=", str.swapcase]
    ),
    path=st.sampled_from(ENDPOINTS),
    also=st.lists(
        st.tuples(st.sampled_from(["client_id", "client_secret"]), st.text(max_size=20)), max_size=2
    ),
)
def test_any_credentials_are_a_refusal(
    faked: Site,
    good: Registered,
    *,
    scheme: str,
    credentials: bytes,
    mangle: Callable[[str], str],
    path: str,
    also: list[tuple[str, str]],
) -> None:
    """Any Basic header gets 400 or 401, and no 5xx, for a registered client or none."""
    encoded = b64encode(credentials.replace(b"\x00good", good.client_id.encode())).decode()
    form = [("grant_type", "client_credentials"), ("token", "x"), *also]
    answer = faked.http.post(
        path,
        data=urlencode(form, errors="surrogatepass"),
        content_type=FORM,
        headers={"Authorization": f"{scheme} {mangle(encoded)}"},
    )
    assert is_plain(answer, lambda status: status in {400, 401})
