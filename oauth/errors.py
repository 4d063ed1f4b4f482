"""The texts and status codes of every OAuth error. No other module has them.

Each error has two sentences. The constant one is for the client and reveals nothing; the cause goes to the
log only.
"""

from collections.abc import Mapping

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc8628 import AuthorizationPendingError, ExpiredTokenError, SlowDownError

from login import ClientThrottled, DirectoryUnavailable, InvalidCredentials, Refusal, Throttled
from models import ClientEnded, ClosedReason, StoreUnavailable

REALM = "NetID OAuth"

# Seconds after which a client may retry: long enough for a fail-over, short enough for a waiting user.
_RETRY_SECONDS = 5
_NOT_ENCODED = "The program did not URL-encode the password in its form (RFC 6749, appendix B)."

Trouble = InvalidCredentials | Throttled | DirectoryUnavailable | StoreUnavailable | ClientEnded

# For clients with the flag for detailed errors.
_REASONS = {
    Refusal.WRONG_PASSWORD: "The password is wrong.",
    Refusal.UNKNOWN_PERSON: "Nobody has this Net ID.",
    Refusal.AMBIGUOUS: "Several people have this Net ID.",
    Refusal.LOCKED: "The account is locked.",
    Refusal.EXPIRED: "The password or the account has expired.",
    Refusal.MUST_CHANGE: "The password must be changed first.",
    Refusal.DISABLED: "The account is disabled.",
    Refusal.NOT_NOW: "The account may not log in at this time.",
    Refusal.NOT_HERE: "The account may not log in from here.",
    Refusal.NOT_ALLOWED: "The person may not use this program.",
    Refusal.NOT_FROM_HERE: "This program may not ask from this network.",
    Refusal.APP_PASSWORD_ENDED: "The app password has ended.",
}


class InvalidClient(OAuth2Error):
    """One answer for an unknown or disabled client, a wrong or ended secret, a wrong method (5.2)."""

    error = "invalid_client"
    description = "Client authentication failed."
    status_code = 401

    def __init__(self, cause: str, client_id: str | None = None) -> None:
        """Keep the cause and the registered client for the log.

        Args:
            cause: a constant sentence.
            client_id: of a registered client only; other text that was sent as an id may be a secret.
        """
        super().__init__()
        self.cause = cause
        self.client_id = client_id

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge that a 401 must carry (RFC 6749, 5.2; RFC 7617)."""
        return [*super().get_headers(), ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')]


class TemporarilyUnavailable(OAuth2Error):
    """The directory or the database does not answer. This says nothing about the user or the client."""

    error = "temporarily_unavailable"
    description = "The server cannot answer right now. Nothing is wrong with the request; please try again."
    status_code = 503

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers, with Retry-After (RFC 9110, 10.2.3)."""
        return [*super().get_headers(), ("Retry-After", str(_RETRY_SECONDS))]


class TooManyFailures(OAuth2Error):
    """Too many failures: the password was not checked (RFC 6585, 4). The same for every login name."""

    error = "temporarily_unavailable"
    description = "There were too many failed logins. The password was not looked at; please try again later."
    status_code = 429

    def __init__(self, retry_after: int) -> None:
        """Take the seconds after which the client may retry."""
        super().__init__()
        self.retry_after = retry_after

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers, with Retry-After (RFC 9110, 10.2.3)."""
        return [*super().get_headers(), ("Retry-After", str(self.retry_after))]


class TooManyClientFailures(TooManyFailures):
    """Too many client authentications failed (RFC 6585, 4): the same for every client id and secret."""

    description = "There were too many failed authentications of clients; please try again later."


class BodyTooLarge(InvalidRequestError):
    """The body is larger than any token request needs to be (RFC 9110, 15.5.14)."""

    description = "The request body is too large."
    status_code = 413


class LengthRequired(InvalidRequestError):
    """The body has no Content-Length (RFC 9110, 15.5.12), so the server cannot tell whether it is whole."""

    description = "The body must have a Content-Length: a chunked one may be cut on its way unnoticed."
    status_code = 411


class UnsupportedGrantType(OAuth2Error):
    """The server does not offer the grant type (RFC 6749, 5.2). The error does not repeat it."""

    error = "unsupported_grant_type"
    description = "This server does not offer this grant type."


class UnsupportedResponseType(OAuth2Error):
    """The server does not offer the response type (RFC 6749, 4.1.2.1). The error does not repeat it."""

    error = "unsupported_response_type"
    description = "This server offers the response type code only."


_CLOSED: Mapping[str, str] = {
    ClosedReason.OFF: "This program may no longer use the password grant.",
    ClosedReason.ENDED: "This program may no longer log in with Net ID passwords.",
    ClosedReason.BROWN_OUT: (
        "Net ID passwords are refused for some hours, because this program must stop using them."
    ),
    ClosedReason.APP_PASSWORDS_ONLY: "This program accepts app passwords only, and no Net ID passwords.",
    ClosedReason.APP_PASSWORDS_OFF: "This program accepts no app passwords.",
}


class PasswordGrantClosed(UnauthorizedClientError):
    """The operator's policy for the client refuses the password grant now (RFC 6749, 5.2).

    The sentence depends on the policy alone. It reveals nothing about the user or the password, which nobody
    has looked at.
    """

    def __init__(self, reason: str, help_uri: str | None) -> None:
        """Take the reason, and the campus's page about it.

        Args:
            reason: one of `ClosedReason`, for the audit.
            help_uri: for `error_uri`, if the campus has a page.
        """
        super().__init__(_CLOSED[reason], help_uri)
        self.reason = reason


class InvalidRequestUri(OAuth2Error):
    """The pushed request is unknown, used, expired, or another client's (RFC 9126, 2.2; RFC 9101, 6.2)."""

    error = "invalid_request_uri"
    description = "This request is unknown, was used before, or has expired. Start again in the program."


class NotSupported(OAuth2Error):
    """A parameter for which the server offers nothing (OpenID Connect Core 1.0, 3.1.2.6)."""

    def __init__(self, parameter: str) -> None:
        """Take the name of the parameter, which is a constant."""
        super().__init__(f"This server does not support the parameter {parameter}.")
        self.error = f"{parameter}_not_supported"


class InvalidTarget(OAuth2Error):
    """The client may not have a token for the requested resource (RFC 8707, 2)."""

    error = "invalid_target"
    description = "The resource is malformed, or beyond what this client is registered for."


REFUSALS: Mapping[str, str] = {
    "access_denied": "The user refused.",
    "account_selection_required": "The user must choose an account.",
    "consent_required": "The user must consent.",
    "interaction_required": "The user must act on a page first.",
    "login_required": "The user must sign in.",
    "server_error": "The server met an error.",
    "temporarily_unavailable": TemporarilyUnavailable.description,
}
"""The refusals of an authorization request that was right itself, by their codes (RFC 6749, 4.1.2.1; OpenID
Connect Core 1.0, 3.1.2.6)."""


class UnmetAuthenticationRequirements(OAuth2Error):
    """No sign-in of this server has the requested essential `acr` (OpenID Connect Core 1.0, 5.5.1.1).

    The code is that of OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    """

    error = "unmet_authentication_requirements"
    description = "This server has no sign-in that meets the essential acr."


def acr_not_met() -> OAuth2Error:
    """No sign-in has the essential `acr`."""
    return UnmetAuthenticationRequirements()


def missing(*parameters: str) -> OAuth2Error:
    """Required parameters are missing (RFC 6749, 5.2). The names are constants, not text of the request."""
    if len(parameters) == 1:
        return InvalidRequestError(f"The parameter {parameters[0]} is missing.")
    return InvalidRequestError(f"The parameters {' and '.join(parameters)} are missing.")


def malformed(sentence: str) -> OAuth2Error:
    """The request is malformed (RFC 6749, 5.2). `sentence` is a constant."""
    return InvalidRequestError(sentence)


def unauthorized_client() -> OAuth2Error:
    """The client is not registered for the grant type (RFC 6749, 5.2)."""
    return UnauthorizedClientError("This client is not registered for this grant type.")


def invalid_scope() -> OAuth2Error:
    """The scope is malformed or exceeds the client's (RFC 6749, 3.3 and 5.2)."""
    return InvalidScopeError("The scope is malformed, or beyond what this client is registered for.")


def invalid_target() -> OAuth2Error:
    """The resource is malformed or exceeds the client's audiences (RFC 8707, 2)."""
    return InvalidTarget()


def scope_not_for_person() -> OAuth2Error:
    """Rules leave this user none of the scope (RFC 6749, 5.2); sent only after the right password."""
    return InvalidScopeError("This person may have none of the scope that was asked for.")


def scope_not_for_app_password() -> OAuth2Error:
    """The app password gives none of the scope (RFC 6749, 5.2); sent only after a right app password."""
    return InvalidScopeError("This app password gives none of the scope that was asked for.")


def invalid_grant(*, raw: bool = False) -> OAuth2Error:
    """The Net ID or the password is wrong: one sentence for every reason (RFC 6749, 5.2).

    Args:
        raw: whether to add a sentence that the password was not URL-encoded; also independent of the reason.
    """
    wrong = "The Net ID or the password is wrong."
    return InvalidGrantError(f"{wrong} {_NOT_ENCODED}" if raw else wrong)


def login_required() -> OAuth2Error:
    """No page may be shown, and the user is not signed in (OpenID Connect Core 1.0, 3.1.2.6)."""
    return OAuth2Error(REFUSALS["login_required"], error="login_required")


def invalid_code() -> OAuth2Error:
    """The code is unknown, expired, used, or another client's: one sentence (RFC 6749, 5.2)."""
    return InvalidGrantError("The code is invalid, expired, used, or was issued to another client.")


def other_redirect_uri() -> OAuth2Error:
    """The redirect URI is not that of the authorization request (RFC 6749, 4.1.3)."""
    return InvalidGrantError("The redirect_uri is not that of the authorization request.")


def wrong_verifier() -> OAuth2Error:
    """The code verifier does not match the challenge (RFC 7636, 4.6)."""
    return InvalidGrantError("The code_verifier does not match the code_challenge.")


def invalid_refresh_token() -> OAuth2Error:
    """The token is unknown, ended, used, or another client's: one sentence (RFC 6749, 5.2)."""
    return InvalidGrantError("The token is invalid, expired, revoked, or was issued to another client.")


def invalid_device_code() -> OAuth2Error:
    """The device code is unknown, used, or another client's: one sentence (RFC 8628, 3.5)."""
    return InvalidGrantError("The device code is invalid, was used, or was issued to another client.")


def authorization_pending() -> OAuth2Error:
    """Nobody has answered at the page yet (RFC 8628, 3.5)."""
    return AuthorizationPendingError("Nobody has confirmed the code in a browser yet.")


def slow_down() -> OAuth2Error:
    """As `authorization_pending`, to a device that polls too often (RFC 8628, 3.5)."""
    return SlowDownError("The program asks too often: from now on it must wait 5 seconds longer each time.")


def device_denied() -> OAuth2Error:
    """The request was denied at the page, or is void because the sign-in session ended (RFC 8628, 3.5)."""
    return AccessDeniedError("The request was denied in the browser.")


def device_code_expired() -> OAuth2Error:
    """The code was not confirmed, or not exchanged, in time (RFC 8628, 3.5)."""
    return ExpiredTokenError("The code has expired. Start again to get a new one.")


class _DetailedRefusal(InvalidGrantError):
    """A refusal with its reason, for a client with the flag for detailed errors."""

    def __init__(self, refusal: InvalidCredentials, *, raw: bool) -> None:
        sentence = _REASONS.get(refusal.reason, "This login is refused.")
        super().__init__(f"{sentence} {_NOT_ENCODED}" if raw else sentence)
        self.reason = refusal.reason.value

    def get_body(self) -> list[tuple[str, str]]:
        """The error and its reason (RFC 6749, 5.2 and 8.5: an extension)."""
        return [*super().get_body(), ("reason", self.reason)]


def wire_error(trouble: Trouble, *, raw: bool = False, reason: bool = False) -> OAuth2Error:
    """The OAuth error for an outcome of a login or of the database (RFC 6749, 5.2).

    Args:
        trouble: the outcome; its own sentence is for the log only.
        raw: whether to tell the client that the password in its form was not URL-encoded.
        reason: whether to tell the client why the login was refused.
    """
    if isinstance(trouble, InvalidCredentials) and reason:
        return _DetailedRefusal(trouble, raw=raw)
    if isinstance(trouble, InvalidCredentials):
        return invalid_grant(raw=raw)
    if isinstance(trouble, ClientThrottled):
        return TooManyClientFailures(trouble.retry_after)
    if isinstance(trouble, Throttled):
        return TooManyFailures(trouble.retry_after)
    if isinstance(trouble, ClientEnded):
        return InvalidClient("disabled or deleted meanwhile")
    return TemporarilyUnavailable()
