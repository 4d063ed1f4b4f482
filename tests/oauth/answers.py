"""The parts of an answer that a client sees."""

from werkzeug.test import TestResponse


def status_and_error(answer: TestResponse) -> tuple[int, str | None]:
    """Status and error code of an answer, which is JSON and never stored (RFC 6749, 5.1)."""
    assert answer.headers.getlist("Content-Type") == ["application/json"]
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert answer.headers.getlist("Pragma") == ["no-cache"]
    assert answer.data.endswith(b"}\n")
    return answer.status_code, answer.get_json().get("error")


OK = (200, None)
INVALID_GRANT = (400, "invalid_grant")
INVALID_REQUEST = (400, "invalid_request")
INVALID_SCOPE = (400, "invalid_scope")
INVALID_TARGET = (400, "invalid_target")
INVALID_CLIENT = (401, "invalid_client")
UNAUTHORIZED_CLIENT = (400, "unauthorized_client")
UNAVAILABLE = (503, "temporarily_unavailable")
