"""Answers to errors outside the endpoints: always JSON, never a stack trace, and no 5xx except 503."""

from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from models import StoreUnavailable
from oauth import current_request_id, error_json, error_response, wire_error
from telemetry import Log

_SENTENCES = {
    400: "The request is malformed.",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    413: "The request body is too large.",
}


def answer_every_error(app: Flask, log: Log) -> None:
    """Register the answers to every HTTP error and every exception on `app`."""
    # Werkzeug would redirect a path with doubled slashes, in HTML, to a URL made of the Host header.
    app.url_map.merge_slashes = False

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if isinstance(error.response, Response):
            return error.response
        status = error.code or 400
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _unavailable(StoreUnavailable(error.name))
        headers = (
            [("Allow", ", ".join(sorted(error.valid_methods or ())))]
            if isinstance(error, MethodNotAllowed)
            else []
        )
        name = "not_found" if status == HTTPStatus.NOT_FOUND else "invalid_request"
        body = {"error": name, "error_description": _SENTENCES.get(status, error.name)}
        return error_json(body, status, headers)

    @app.errorhandler(StoreUnavailable)
    def store_unavailable(error: StoreUnavailable) -> Response:
        log.error("database.unavailable", cause=error.cause, request_id=current_request_id())
        return _unavailable(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected", exc_info=error, request_id=current_request_id())
        return _unavailable(StoreUnavailable(type(error).__name__))


def _unavailable(trouble: StoreUnavailable) -> Response:
    return error_response(wire_error(trouble))
