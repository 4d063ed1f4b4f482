"""The strict parser: the form that a request must have before anything is looked up."""

import io
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Site
from tests.fakes import FakeDirectory

FORM = "application/x-www-form-urlencoded"
GOOD = "grant_type=password&username=alice&password=alice-password"
LIMIT = 16 * 1024
ELSEWHERE = ["/oauth/revoke", "/revoke", "/oauth/introspect", "/introspect"]

Send = Callable[..., TestResponse]


@pytest.fixture
def send(faked: Site) -> Send:
    """POST a body unchanged to the token endpoint, with the Basic credentials of a client."""
    client = faked.register()

    def post(
        body: str | bytes, *, query: str = "", content_type: str | None = FORM, **more: object
    ) -> TestResponse:
        data = body.encode() if isinstance(body, str) else body
        return faked.http.post(
            "/oauth/token",
            data=data,
            query_string=query,
            content_type=content_type,
            auth=client.basic,
            **more,
        )

    return post


def is_invalid_request(answer: TestResponse, sentence: str) -> bool:
    """Whether this is `invalid_request` with this sentence (RFC 6749, 5.2)."""
    assert answer.get_json() == {"error": "invalid_request", "error_description": sentence}
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code == 400


class TestPlaceOfParameters:
    """RFC 6749, 3.2 and appendix B."""

    def test_form_body_is_accepted(self, send: Send) -> None:
        """The endpoint accepts a form body (RFC 6749, 4.3.2)."""
        assert send(GOOD).status_code == 200

    @pytest.mark.parametrize(
        "content_type", [f"{FORM};charset=UTF-8", f"{FORM}; charset=ISO-8859-1", FORM.upper(), f" {FORM} "]
    )
    def test_content_type_may_have_parameters(self, send: Send, content_type: str) -> None:
        """The type's case and parameters do not matter: a form is UTF-8 (RFC 6749, appendix B)."""
        assert send(GOOD, content_type=content_type).status_code == 200

    @pytest.mark.parametrize(
        "content_type",
        [None, "", "application/json", "multipart/form-data; boundary=x", "text/plain", "x", "ü/ü", ";", ","],
    )
    def test_other_content_type_is_refused(
        self, send: Send, fake: FakeDirectory, content_type: str | None
    ) -> None:
        """Any other type, or none, is invalid_request (RFC 6749, 4.3.2)."""
        answer = send(GOOD, content_type=content_type)
        assert is_invalid_request(answer, f"The body must be a form: Content-Type {FORM}.")
        assert fake.asked == []

    @pytest.mark.parametrize(
        "query",
        [
            "password=x",
            "username=alice",
            "grant_type=password",
            "scope=profile",
            "client_id=x",
            "client_secret",
            "access_token=x",
            "p%61ssword=x",
            "a=b&password=",
            "token=x",
            "refresh_token=x",
        ],
    )
    def test_query_parameters_are_refused(self, send: Send, fake: FakeDirectory, query: str) -> None:
        """OAuth parameters in the URL, where they would be logged, are refused (RFC 6749, 2.3.1)."""
        answer = send(GOOD, query=query)
        assert is_invalid_request(answer, "OAuth parameters belong in the body, never in the URL.")
        assert fake.asked == []

    def test_whole_request_in_the_query_is_refused(self, send: Send) -> None:
        """A request with all of its parameters in the URL is refused as well."""
        assert send("", query=GOOD).status_code == 400

    def test_unknown_query_parameters_are_ignored(self, send: Send) -> None:
        """An unknown parameter may be in the URL (RFC 6749, 3.2)."""
        assert send(GOOD, query="tracking=1&tracking=2").status_code == 200


class TestParameterValues:
    """RFC 6749, 3.2."""

    @pytest.mark.parametrize(
        "name", ["grant_type", "username", "password", "scope", "client_id", "client_secret"]
    )
    @pytest.mark.parametrize("values", [("a", "b"), ("", ""), ("a", "")])
    def test_repeated_parameter_is_refused(
        self, send: Send, fake: FakeDirectory, name: str, values: tuple[str, str]
    ) -> None:
        """No parameter may repeat, not even empty (RFC 6749, 3.2)."""
        others = [pair for pair in GOOD.split("&") if not pair.startswith(name)]
        answer = send("&".join([*others, f"{name}={values[0]}", f"{name}={values[1]}"]))
        assert is_invalid_request(answer, f"The parameter {name} is given more than once.")
        assert fake.asked == []

    def test_repeated_parameter_cannot_hide_in_an_encoding(self, send: Send) -> None:
        """Names are compared after decoding (RFC 6749, appendix B)."""
        answer = send(GOOD + "&user%6eame=bob")
        assert is_invalid_request(answer, "The parameter username is given more than once.")

    def test_unknown_parameter_is_ignored_even_if_repeated(self, send: Send) -> None:
        """Unknown parameters are ignored (RFC 6749, 3.2)."""
        assert send(GOOD + "&audience=a&audience=b&USERNAME=bob&=&x").status_code == 200

    @pytest.mark.parametrize("name", ["scope", "client_id", "client_secret", "redirect_uri"])
    def test_empty_parameter_counts_as_omitted(self, send: Send, name: str) -> None:
        """A parameter without a value counts as omitted (RFC 6749, 3.2)."""
        assert send(f"{GOOD}&{name}=").status_code == 200
        assert send(f"{GOOD}&{name}").status_code == 200

    @pytest.mark.parametrize("name", ["grant_type", "username"])
    def test_empty_required_parameter_is_missing(self, send: Send, name: str) -> None:
        """A required parameter without a value is missing (RFC 6749, 3.2)."""
        others = [pair for pair in GOOD.split("&") if not pair.startswith(name)]
        assert is_invalid_request(send("&".join([*others, f"{name}="])), f"The parameter {name} is missing.")

    @pytest.mark.parametrize("end", ["password=", "password"])
    def test_empty_password_is_a_wrong_password(self, send: Send, fake: FakeDirectory, end: str) -> None:
        """An empty password is refused as wrong and never reaches the directory (RFC 4513, 5.1.2)."""
        answer = send(f"grant_type=password&username=alice&{end}")
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
        assert fake.asked == []

    @pytest.mark.parametrize(
        "name", ["grant_type", "username", "password", "scope", "client_id", "unknown", "a%00"]
    )
    def test_nul_is_refused(self, send: Send, fake: FakeDirectory, name: str) -> None:
        """A NUL is refused everywhere, because directories and databases may end text there."""
        for nul in (b"%00", b"\0"):
            answer = send(f"x=y&{name}=a".encode() + nul)
            assert is_invalid_request(answer, "The parameters hold a NUL character.")
        assert fake.asked == []

    @pytest.mark.parametrize("octets", ["%ff", "%c3%28", "%ed%a0%80", "%c0%80", "%f5%80%80%80"])
    def test_bad_utf8_is_refused(self, send: Send, octets: str) -> None:
        """Octets that are not UTF-8 are refused, raw or encoded (RFC 6749, appendix B)."""
        raw = bytes.fromhex(octets.replace("%", ""))
        for body in (f"{GOOD}&scope={octets}".encode(), f"{GOOD}&scope=".encode() + raw, octets.encode()):
            assert is_invalid_request(send(body), "The parameters are not UTF-8.")
        assert is_invalid_request(send(GOOD, query=f"x={octets}"), "The parameters are not UTF-8.")

    def test_too_many_parameters_are_refused(self, send: Send) -> None:
        """More than a hundred parameters are refused."""
        assert is_invalid_request(send("&".join(["x=1"] * 101)), "There are too many parameters.")

    @pytest.mark.parametrize("password", ["a&b=c", "a+b c", "%41", "ä;ö", "=", "\n", "\u2028", "a" * 1024])
    def test_password_arrives_as_typed(self, send: Send, fake: FakeDirectory, password: str) -> None:
        """A form-encoded password arrives as the user typed it (RFC 6749, appendix B)."""
        send("grant_type=password&username=alice&password=" + quote_plus(password))
        assert fake.bound == [("alice", password)]


class Endless(io.RawIOBase):
    """An endless body that counts how much was read."""

    def __init__(self, start: bytes = b"") -> None:
        self._start = start
        self.given = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """A part of the body, as from a network."""
        assert size >= 0, "a body must never be read without a limit"
        part = (self._start + b"a" * size)[: min(size, 1000)]
        self._start = self._start[len(part) :]
        self.given += len(part)
        return part


class TestBodyLength:
    """We limit the body ourselves, because Flask truncates a chunked body silently."""

    def padded(self, length: int) -> str:
        """A good request of exactly this many bytes."""
        return GOOD + "&pad=" + "x" * (length - len(GOOD) - 5)

    def test_body_at_the_limit_is_read(self, send: Send) -> None:
        """16 KiB are read."""
        assert send(self.padded(LIMIT)).status_code == 200

    def test_body_over_the_limit_is_413(self, send: Send, fake: FakeDirectory) -> None:
        """One byte more is 413 (RFC 9110, 15.5.14), and the directory is not asked."""
        answer = send(self.padded(LIMIT + 1))
        assert (answer.status_code, answer.get_json()["error"]) == (413, "invalid_request")
        assert answer.data.endswith(b"\n")
        assert fake.asked == []

    @pytest.mark.parametrize(("length", "status"), [(LIMIT, 411), (LIMIT + 1, 413)])
    def test_chunked_body_is_refused(self, send: Send, fake: FakeDirectory, length: int, status: int) -> None:
        """A chunked body is refused, because a truncated one looks complete (RFC 9110, 15.5.12)."""
        stream = io.BytesIO(self.padded(length).encode())
        answer = send("", environ_overrides=chunked(stream))
        assert answer.status_code == status
        assert fake.asked == []

    def test_endless_chunked_body_is_read_to_the_limit_only(self, send: Send, fake: FakeDirectory) -> None:
        """At most one byte over the limit is read from an endless body."""
        endless = Endless(GOOD.encode())
        assert send("", environ_overrides=chunked(endless)).status_code == 413
        assert endless.given == LIMIT + 1
        assert fake.asked == []

    def test_body_cut_short_is_refused(self, send: Send, fake: FakeDirectory) -> None:
        """A body that ends before its Content-Length is refused."""
        answer = send(GOOD, environ_overrides={"CONTENT_LENGTH": str(len(GOOD) + 1)})
        assert is_invalid_request(answer, "The body ended too early.")
        assert fake.asked == []

    def test_body_cut_short_unnoticed_by_the_server_is_refused(self, send: Send, fake: FakeDirectory) -> None:
        """A stream that ends early without an error, as from granian, is refused too."""
        stream = io.BytesIO(GOOD.encode())
        length = {"CONTENT_LENGTH": str(len(GOOD) + 4), "wsgi.input_terminated": True}
        answer = send("", environ_overrides={"wsgi.input": stream, **length})
        assert is_invalid_request(answer, "The body ended too early.")
        assert fake.asked == []

    def test_broken_connection_is_refused(self, send: Send) -> None:
        """A connection that breaks while the body is read is an invalid request, not a server error."""

        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise ConnectionResetError

        assert is_invalid_request(send("", environ_overrides=chunked(Broken())), "The body ended too early.")

    @pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "9" * 30])
    def test_invalid_content_length_is_refused(self, send: Send, length: str) -> None:
        """An invalid Content-Length is a malformed request (RFC 9110, 8.6)."""
        answer = send(GOOD, environ_overrides={"CONTENT_LENGTH": length})
        assert answer.status_code in {400, 413}
        assert answer.is_json


def chunked(stream: io.IOBase) -> dict[str, object]:
    """The WSGI environment of a chunked body: a stream that ends, and no length."""
    return {
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/oauth/token", "/token", *ELSEWHERE])
def test_other_methods_are_405(site: Site, path: str, method: str) -> None:
    """Every endpoint accepts only POST, and the 405 says so (RFC 6749, 3.2; RFC 9110, 15.5.6)."""
    answer = site.http.open(f"{path}?{GOOD}", method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("path", ELSEWHERE)
class TestOtherEndpoints:
    """Revocation and introspection have the same parser (RFC 7009, 2.1; RFC 7662, 2.1)."""

    @pytest.mark.parametrize(
        ("body", "more", "sentence"),
        [
            (
                "token=x",
                {"query_string": "token=x"},
                "OAuth parameters belong in the body, never in the URL.",
            ),
            ("", {"query_string": "token=x"}, "OAuth parameters belong in the body, never in the URL."),
            ("token=x&token=y", {}, "The parameter token is given more than once."),
            ("token=x&t%6fken=", {}, "The parameter token is given more than once."),
            (
                "token=x&token_type_hint=a&token_type_hint=b",
                {},
                "The parameter token_type_hint is given more than once.",
            ),
            ("token=x%00", {}, "The parameters hold a NUL character."),
            ("token=%ff", {}, "The parameters are not UTF-8."),
            ("token=x" + "&x=1" * 100, {}, "There are too many parameters."),
            (
                '{"token": "x"}',
                {"content_type": "application/json"},
                f"The body must be a form: Content-Type {FORM}.",
            ),
        ],
    )
    def test_malformed_request_is_refused(
        self, faked: Site, path: str, body: str, more: dict[str, str], sentence: str
    ) -> None:
        """A request that the token endpoint refuses is refused here too."""
        client = faked.register()
        answer = faked.http.post(path, data=body, auth=client.basic, **{"content_type": FORM, **more})
        assert is_invalid_request(answer, sentence)

    def test_body_over_the_limit_is_413(self, faked: Site, path: str) -> None:
        """A body of more than 16 KiB is 413, and one of 16 KiB is read (RFC 9110, 15.5.14)."""
        client = faked.register()
        for length, status in ((LIMIT, 200), (LIMIT + 1, 413)):
            body = "token=x&pad=".ljust(length, "x")
            answer = faked.http.post(path, data=body, content_type=FORM, auth=client.basic)
            assert answer.status_code == status

    def test_second_authentication_method_is_refused(self, faked: Site, path: str) -> None:
        """A client may use only one authentication method (RFC 6749, 2.3)."""
        client = faked.register()
        form = {"token": "x", "client_id": client.client_id, "client_secret": client.secret}
        answer = faked.http.post(path, data=form, auth=client.basic)
        assert is_invalid_request(answer, "The client may authenticate in one way only.")
