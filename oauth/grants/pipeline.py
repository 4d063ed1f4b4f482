"""The steps that every grant shares, written once and in their order (RFC 6749, 3.2).

A grant is a subclass of `Grant` that fills in what is its own. It cannot leave out or reorder a shared step.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from login import AppPasswordRecord, InvalidCredentials, Person
from oauth.clients.authentication import OAuthClient
from oauth.errors import invalid_scope, missing, scope_not_for_person, unauthorized_client
from oauth.policy.audience import resolve_audience
from oauth.policy.claims import wants_groups
from oauth.policy.scope import ScopeRules, resolve
from oauth.token_request import TokenRequest
from telemetry import AuditEvent

if TYPE_CHECKING:
    from oauth.server import Server

_FINAL = ("validate_token_request", "create_token_response")


class Issued(NamedTuple):
    """The answer of the token endpoint (RFC 6749, 5.1), and the audit events that were stored with it."""

    answer: dict[str, object]
    events: Sequence[AuditEvent]


class Grant(BaseGrant, TokenEndpointMixin):
    """One token request.

    1. Authenticate the client.
    2. Check that the client may use the grant.
    3. Check that the required parameters are there.
    4. Read the credential that the client presents (`read_credential`).
    5. Resolve scope and audience (`resolve_scope`, `resolve_audience`).
    6. Check the client's network.
    7. Find the person (`find_person`): the grant's own step.
    8. Apply the rules about the person.
    9. Issue the tokens, with their audit row in the same transaction (`issue`).
    10. Log the audit events.

    Steps 1 to 6 are `validate_token_request`, the others `create_token_response`. Authlib's hooks run before
    and after both, so that an extension such as PKCE works as with Authlib's own grants.
    """

    REQUIRED: ClassVar[Sequence[str]] = ()
    """The parameters without which a request is refused."""
    PARAMETERS: ClassVar[frozenset[str]] = frozenset()
    """The parameters that the grant reads. Each may be given once."""
    REPEATABLE_PARAMETERS: ClassVar[frozenset[str]] = frozenset({"resource"})
    """The parameters that the grant reads and that may repeat (RFC 8707, 2)."""
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {}
    """The grant's additions to lists of the server's metadata (RFC 8414, 2)."""
    PUBLIC_CLIENTS: ClassVar[bool] = True
    """Whether clients without a secret may use the grant."""

    request: TokenRequest
    server: "Server"
    oauth_client: OAuthClient
    """The client, once it is authenticated."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a grant that replaces the order of the steps.

        Raises:
            TypeError: the class overrides one of the two functions that run the steps.
        """
        super().__init_subclass__(**options)
        for name in _FINAL:
            if getattr(cls, name) is not getattr(Grant, name):
                raise TypeError(f"{cls.__name__} may not override {name}: it runs the shared steps.")

    def __init__(self, request: TokenRequest, server: "Server") -> None:
        """Begin a request, as Authlib does for each one."""
        super().__init__(request, server)
        self.TOKEN_ENDPOINT_AUTH_METHODS = server.client_auth_methods(public=self.PUBLIC_CLIENTS)
        self._checked: Person | None = None
        self._rules: ScopeRules | None = None
        # Stands in the place of the user's password, in the password grant alone.
        self._app_password: AppPasswordRecord | None = None

    def validate_token_request(self) -> None:
        """Decide what can be decided without the directory (steps 1 to 6).

        Raises:
            OAuth2Error: as RFC 6749, 5.2 names it.
            InvalidCredentials: the client's network is not allowed.
            StoreUnavailable: the database cannot say.
        """
        self.execute_hook("before_validate_token_request")
        request = self.request
        request.client = self.oauth_client = client = self.authenticate_token_endpoint_client()
        request.response_headers = self.response_headers()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise unauthorized_client()
        absent = [name for name in self.REQUIRED if name not in request.form]
        if absent:
            raise missing(*absent)
        self.read_credential()
        request.granted_scope = self.resolve_scope()
        request.granted_audience = self.resolve_audience()
        try:
            self.server.policy.restrictions.check_network(client.registered, request.address)
        except InvalidCredentials as refusal:
            raise self.network_error(refusal) from None
        self.execute_hook("after_validate_token_request", None)

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Find the person, apply the rules, issue and audit (steps 7 to 10; RFC 6749, 5.1).

        Raises:
            OAuth2Error: as RFC 6749, 5.2 names it.
            Throttled: too many logins failed before.
            InvalidCredentials: the directory or a rule refused the person.
            DirectoryUnavailable: the directory cannot say.
            ClientEnded: the client was disabled meanwhile.
            StoreUnavailable: the database cannot say. Nothing was stored.
        """
        self.execute_hook("before_create_token_response")
        person = self.find_person()
        if person is not None:
            self.check_person(person)
            self._permit(person)
            self.request.user = person
        issued = self.issue(person)
        for event in issued.events:
            self.server.log.info(event.event, **event.facts())
        response = 200, issued.answer, self.TOKEN_RESPONSE_HEADER
        self.execute_hook("after_create_token_response", response)
        return response

    @property
    def rules(self) -> ScopeRules:
        """The scope rules, read once: one state of them decides the whole request."""
        if self._rules is None:
            self._rules = self.server.policy.scope_registry.rules()
        return self._rules

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """Headers of every answer to the authenticated client, of errors too. A grant has none by default."""
        return ()

    def read_credential(self) -> None:
        """Read what the client presents beside its own credentials, such as a refresh token.

        Raises:
            OAuth2Error: `invalid_grant`: the credential is not valid.
        """

    def resolve_scope(self) -> str:
        """The scope that the client may have of the requested one (RFC 6749, 3.3).

        Raises:
            OAuth2Error: `invalid_scope`.
        """
        client = self.oauth_client
        scope = resolve(
            self.request.payload.scope,
            client.registered,
            server_default=self.server.policy.default_scope,
            tolerant=client.is_scope_tolerant,
        )
        if scope is None:
            raise invalid_scope()
        return scope

    def resolve_audience(self) -> str | None:
        """The audience that the client may have of the requested resources (RFC 8707, 2).

        Raises:
            OAuth2Error: `invalid_target`.
        """
        return resolve_audience(self.request.resources, self.oauth_client.registered, self.server.issuer)

    def network_error(self, refusal: InvalidCredentials) -> Exception:
        """The error for a client on a network that is not allowed: by default that of a wrong password."""
        return refusal

    def find_person(self) -> Person | None:
        """The person that the token is about, None for a client's own token. Every grant defines this step.

        Raises:
            InvalidCredentials: the person is refused.
            DirectoryUnavailable: the directory cannot say.
        """
        raise NotImplementedError

    def check_person(self, person: Person) -> None:
        """Apply the rules that exclude people. A grant may call it earlier, in `find_person`.

        Raises:
            InvalidCredentials: a rule refuses the person.
        """
        if self._checked is not person:
            self.server.policy.restrictions.check_person(self.oauth_client.registered, person)
            self._checked = person

    def wants_groups(self, scope: str) -> bool:
        """Whether a claim or a rule needs the person's groups, where `scope` is granted.

        Only then are groups searched for: the search may cost the directory much.
        """
        client = self.oauth_client.registered
        return (
            wants_groups(scope, client.released_claims)
            or self.rules.want_groups(scope)
            or self.server.policy.restrictions.want_groups(client)
        )

    def issue(self, person: Person | None) -> Issued:
        """Issue a new grant with its tokens. It has a refresh token if the client may use one.

        Args:
            person: the person, whom the rules allow; None for a client's own token.
        """
        refresh = person is not None and self.oauth_client.check_grant_type("refresh_token")
        issue = self.server.token_issuer.issue
        return Issued(
            *issue(self.request, self.GRANT_TYPE, person, refresh=refresh, app_password=self._app_password)
        )

    def _permit(self, person: Person) -> None:
        """Reduce the granted scope to the part that the person may have (RFC 6749, 3.3).

        Raises:
            OAuth2Error: `invalid_scope`: the rules leave nothing.
        """
        permitted = self.rules.permitted(person, self.request.granted_scope)
        if not permitted:
            self.server.audit.note_scope(self.request, person.id)
            raise scope_not_for_person()
        self.request.granted_scope = permitted
