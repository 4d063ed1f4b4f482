"""Answers to errors outside the endpoints: a page or JSON by Accept, no stack trace, no 5xx except 503."""

from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from models import StoreUnavailable
from oauth import current_request_id, error_json, error_response, wire_error
from telemetry import Log
from web.pages import N_, error_page, wants_html

_SENTENCES = {
    400: N_("The request is malformed."),
    404: N_("There is nothing here."),
    405: N_("This method is not allowed here."),
    413: N_("The request body is too large."),
    429: N_("There were too many requests. Please try again later."),
}
_TITLES = {404: N_("Page not found"), 503: N_("Not available right now")}
_OTHER_SENTENCE = N_("The server cannot take this request.")
_UNAVAILABLE = N_(
    "The server cannot answer right now. Nothing is wrong with your request; please try again in a moment."
)


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
            return _for_reader(log, _unavailable(StoreUnavailable(error.name)), _UNAVAILABLE)
        headers = (
            [("Allow", ", ".join(sorted(error.valid_methods or ())))]
            if isinstance(error, MethodNotAllowed)
            else []
        )
        name = "not_found" if status == HTTPStatus.NOT_FOUND else "invalid_request"
        body = {"error": name, "error_description": _SENTENCES.get(status, error.name)}
        return _for_reader(log, error_json(body, status, headers), _SENTENCES.get(status, _OTHER_SENTENCE))

    @app.errorhandler(StoreUnavailable)
    def store_unavailable(error: StoreUnavailable) -> Response:
        log.error("database.unavailable", cause=error.cause, request_id=current_request_id())
        return _for_reader(log, _unavailable(error), _UNAVAILABLE)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected", exc_info=error, request_id=current_request_id())
        return _for_reader(log, _unavailable(StoreUnavailable(type(error).__name__)), _UNAVAILABLE)


def _unavailable(trouble: StoreUnavailable) -> Response:
    return error_response(wire_error(trouble))


def _for_reader(log: Log, answer: Response, sentence: str) -> Response:
    """The same answer as a page, if the reader prefers one. A page that fails must not hide the error."""
    status = answer.status_code
    try:
        if not wants_html():
            return answer
        headers = [each for each in answer.headers if each[0] in {"Allow", "Retry-After"}]
        title = {"title": _TITLES[status]} if status in _TITLES else {}
        return error_page(sentence, status, headers=headers, **title)
    except Exception as error:
        log.error("unexpected", exc_info=error, request_id=current_request_id())  # noqa: TRY400 - our log
        return answer
