"""The Resource Owner Password Credentials grant (RFC 6749, 4.3)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from authlib.oauth2.rfc6749.grants import ResourceOwnerPasswordCredentialsGrant

from login import Person
from oauth.clients.authentication import METHODS
from oauth.clients.registration import DETAILED_ERRORS
from oauth.errors import missing, unauthorized_client
from oauth.policy.audience import resolve_audience
from oauth.policy.permission import permit


class PasswordGrant(ResourceOwnerPasswordCredentialsGrant):
    """Settles client, grant and scope before the directory is asked.

    A request that must fail anyway costs no bind and tells nothing about a password. Authlib asks for the
    scope last, calls a wrong password `invalid_request`, and logs the tokens it made.
    """

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    PARAMETERS = frozenset({"grant_type", "username", "password", "scope"})
    REPEATABLE_PARAMETERS = frozenset({"resource"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": ("password",)}

    def validate_token_request(self) -> None:
        """Authenticate the client, then the person (RFC 6749, 4.3.2).

        Raises:
            OAuth2Error: as section 5.2 names it.
            Throttled: there were too many failures before.
            InvalidCredentials: the directory, or a rule before it, refused the person.
            DirectoryUnavailable: nothing can be said about the password.
        """
        client = self.authenticate_token_endpoint_client()
        self.request.client = client
        if not client.check_grant_type(self.GRANT_TYPE):
            raise unauthorized_client()
        form = self.request.form
        absent = [name for name in ("username", "password") if name not in form]
        if absent:
            raise missing(*absent)
        self.request.granted_scope = self.server.resolve_scope(self.request)
        self.request.granted_audience = resolve_audience(
            self.request.resources, client.registered, self.server.issuer
        )
        self.server.restrictions.check_network(client.registered, self.request.address)
        self.request.user = self.authenticate_user(form["username"], form["password"])

    def authenticate_user(self, username: str, password: str) -> Person:
        """The person, if the directory accepts the password; what they may not have leaves the scope.

        Raises:
            OAuth2Error: `invalid_scope`, where they may have nothing of it.
        """
        client, rules = self.request.client.registered, self.server.catalogue.rules()
        person: Person = self.server.login.authenticate(
            username,
            password,
            client_id=client.client_id,
            address=self.request.address,
            groups=self.server.wants_groups(client, self.request.granted_scope, rules),
            check=partial(self.server.restrictions.check_person, client),
        )
        permit(self.request, person, rules, self.server.refusals, self.server.log)
        return person

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Issue and store the tokens (RFC 6749, 5.1)."""
        refresh = self.request.client.check_grant_type("refresh_token")
        token = self.server.issue(self.request, refresh=refresh)
        if self.request.client.registered.flags.get(DETAILED_ERRORS):
            token |= _warnings(self.request.user, self.server.now())
        return 200, token, self.TOKEN_RESPONSE_HEADER


def _warnings(person: Person, now: int) -> dict[str, object]:
    """What a person should be told of their password while it is still good: seconds, and logins."""
    expires_at, grace = person.password_expires_at, person.grace_logins_remaining
    told: dict[str, object] = {}
    if expires_at is not None:
        told["password_expires_in"] = max(0, expires_at - now)
    if grace is not None:
        told["grace_logins_remaining"] = grace
    return told
