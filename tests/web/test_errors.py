"""Errors outside the endpoints: JSON on one line, and no 5xx except 503."""

from collections.abc import Callable

import pytest
from flask import Response, abort

from tests.conftest import Site

CANARY = "nida_canary-canary-canary-canary"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
NO_ANSWERS: dict[str, Response] = {}


PATHS = ["/nothing", "/oauth", "/oauth/token/", "/api/me/", "/api//me", "/%00", "/%FF", "/x//y"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_unknown_path_is_404_as_json_for_a_program(site: Site, path: str, accept: str) -> None:
    """An unknown path is 404 as JSON, unless the reader prefers a page (RFC 9110, 15.5.5)."""
    answer = site.http.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert answer.data.endswith(b"\n")


@pytest.mark.parametrize("path", PATHS)
def test_unknown_path_is_404_as_page_for_a_browser(site: Site, path: str) -> None:
    """A browser gets a page with one sentence and the reference, by which the log can be searched."""
    answer = site.app.test_client().get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is nothing here." in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/oauth/token", "OPTIONS, POST"),
        ("POST", "/api/me", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_other_method_is_405_with_the_allowed_ones(site: Site, method: str, path: str, allowed: str) -> None:
    """Another method is 405, and the answer lists the allowed methods (RFC 9110, 15.5.6)."""
    answer = site.http.open(path, method=method)
    assert (answer.status_code, answer.get_json()["error"]) == (405, "invalid_request")
    assert answer.headers["Allow"] == allowed


def fails_with(site: Site, failure: Callable[[], Response]) -> None:
    """Give the site a view that fails."""
    site.app.add_url_rule("/fails", "fails", failure, methods=["GET", "POST"])


class TestUnexpected:
    """A fault of the server itself."""

    @pytest.fixture(
        params=[
            RuntimeError(f"token {CANARY}"),
            KeyError("hunter2-hunter2"),
            ValueError("password=hunter2-hunter2"),
            RecursionError("hunter2-hunter2"),
            OSError(2, "hunter2-hunter2", CANARY),
        ],
        ids=lambda error: type(error).__name__,
    )
    def failed(self, site: Site, request: pytest.FixtureRequest) -> Site:
        """A site with a view that raises something with a secret in it."""

        def fail() -> Response:
            try:
                raise request.param
            except OSError as error:
                raise RuntimeError("hunter2-hunter2") from error

        fails_with(site, fail)
        return site

    def test_answer_is_503_without_a_cause(self, failed: Site) -> None:
        """An unexpected exception is temporarily_unavailable as JSON, without its cause."""
        answer = failed.http.get("/fails")
        assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
        assert "Retry-After" in answer.headers
        assert not any(word in answer.text for word in ("hunter2", CANARY, "Error", "Traceback"))

    def test_log_has_the_place_and_not_the_text(self, failed: Site) -> None:
        """The log has the type and the place of an exception, but not its text, which may hold a secret."""
        failed.http.post("/fails", data={"password": "hunter2-hunter2"})
        (line,) = failed.log_lines()
        assert (line["event"], line["level"]) == ("unexpected", "error")
        assert "Error" in line["exception"]
        assert any("test_errors.py" in place and "fail" in place for place in line["places"])
        assert "hunter2" not in failed.log.getvalue()
        assert CANARY not in failed.log.getvalue()

    def test_log_names_every_cause_in_the_chain(self, site: Site) -> None:
        """The log names every exception type of a chain, the first cause last."""

        def fail() -> Response:
            try:
                return NO_ANSWERS["nothing"]
            except KeyError as error:
                raise RuntimeError from error

        fails_with(site, fail)
        site.http.get("/fails")
        assert site.log_lines()[0]["exception"] == "RuntimeError from KeyError"


@pytest.mark.parametrize("status", [500, 501, 502, 504])
def test_every_5xx_becomes_503(site: Site, status: int) -> None:
    """Any 5xx of a view becomes 503."""
    fails_with(site, lambda: abort(status))
    answer = site.http.get("/fails")
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("status", [400, 403, 406, 408, 411, 414, 415, 417, 422, 429, 431])
def test_every_4xx_is_json(site: Site, status: int) -> None:
    """Each 4xx of the framework has our JSON form, without its page."""
    fails_with(site, lambda: abort(status, "the framework's own words"))
    answer = site.http.get("/fails")
    assert (answer.status_code, answer.get_json()["error"]) == (status, "invalid_request")
    assert "framework" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_fault_that_cannot_be_logged_is_answered(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is answered even if the log cannot be written."""

    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site.log, "write", full)
    fails_with(site, lambda: NO_ANSWERS["nothing"])
    assert site.http.get("/fails").status_code == 503
