"""What every refusal reads like on the wire. The only module that knows.

Each error has two sentences: a constant one for the client, which gives nothing away, and the cause, which
goes to the log and never here.
"""

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)

from login import DirectoryUnavailable, InvalidCredentials
from models import ClientEnded, StoreUnavailable

REALM = "NetID OAuth"

# Seconds after which a program may ask again: time for a fail-over, and a person will still wait.
_RETRY_AFTER = 5

Trouble = InvalidCredentials | DirectoryUnavailable | StoreUnavailable | ClientEnded


class InvalidClient(OAuth2Error):
    """One answer for unknown client, wrong or ended secret, wrong method, disabled (RFC 6749, 5.2)."""

    error = "invalid_client"
    description = "Client authentication failed."
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge that a 401 must carry (RFC 6749, 5.2; RFC 7617)."""
        return [*super().get_headers(), ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')]


class TemporarilyUnavailable(OAuth2Error):
    """Nothing can be said now: the directory or the database is away. Never a verdict on anyone."""

    error = "temporarily_unavailable"
    description = "The server cannot answer right now. Nothing is wrong with the request; please try again."
    status_code = 503

    def get_headers(self) -> list[tuple[str, str]]:
        """When to ask again (RFC 9110, 10.2.3)."""
        return [*super().get_headers(), ("Retry-After", str(_RETRY_AFTER))]


class BodyTooLarge(InvalidRequestError):
    """The body is longer than any token request has reason to be."""

    description = "The request body is too large."
    status_code = 413


class UnsupportedGrantType(OAuth2Error):
    """The grant type is not one of ours (RFC 6749, 5.2). What was asked for is not repeated."""

    error = "unsupported_grant_type"
    description = "This server does not offer this grant type."


def missing(parameter: str) -> OAuth2Error:
    """A required parameter is missing (RFC 6749, 5.2). `parameter` is a name of ours, not the request's."""
    return InvalidRequestError(f"The parameter {parameter} is missing.")


def malformed(sentence: str) -> OAuth2Error:
    """The request is malformed (RFC 6749, 5.2). `sentence` is a constant of ours."""
    return InvalidRequestError(sentence)


def unauthorized_client() -> OAuth2Error:
    """The client is not registered for the grant type (RFC 6749, 5.2)."""
    return UnauthorizedClientError("This client is not registered for this grant type.")


def invalid_scope() -> OAuth2Error:
    """The scope is malformed or beyond the client's (RFC 6749, 3.3 and 5.2)."""
    return InvalidScopeError("The scope is malformed, or beyond what this client is registered for.")


def invalid_grant() -> OAuth2Error:
    """The Net ID or the password is wrong: one sentence, whatever the reason (RFC 6749, 5.2)."""
    return InvalidGrantError("The Net ID or the password is wrong.")


def wire_error(trouble: Trouble) -> OAuth2Error:
    """What an outcome of a login or of the database reads like (RFC 6749, 5.2).

    Args:
        trouble: the outcome; its own sentence stays with us.
    """
    if isinstance(trouble, InvalidCredentials):
        return invalid_grant()
    if isinstance(trouble, ClientEnded):
        return InvalidClient()
    return TemporarilyUnavailable()
