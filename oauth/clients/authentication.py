"""Client authentication (RFC 6749, 2.3): exactly one method, one answer to every failure, constant time.

Each method is one function under its name (RFC 7591, 2): `StrictClientAuthentication.register`. From that the
metadata document, the registration of clients and every endpoint derive their methods. Authlib's own
functions are replaced: they decode Basic credentials in one way only, distinguish an unknown client from a
wrong secret, and compare text. Authlib's registry also accepts two methods at once.
"""

from binascii import a2b_base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote_plus

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError
from authlib.oauth2.rfc6749.authenticate_client import ClientAuthentication

from login import ClientFailures, ClientThrottled
from models import Client, ClientSecret, ClientStore, StoreUnavailable, has_our_form
from oauth.clients.redirect_uris import is_registered
from oauth.clients.registration import (
    KEEP_REFRESH_TOKEN,
    NONE,
    STRICT_AUTH_METHOD,
    TOLERANT_SCOPE,
)
from oauth.clients.sign_in_rules import AUTHORIZATION_CODE
from oauth.errors import InvalidClient, malformed
from oauth.policy.scope import resolve
from oauth.token_request import TokenRequest

# The parameters of a request that these methods read.
PARAMETERS = frozenset({"client_id", "client_secret"})
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_SECRET_METHODS = frozenset({_BASIC, _POST})

# Writing the time of each use would cost a write a token: once an hour tells an operator as much.
_LAST_USE_SECONDS = 3600
_NO_SUCH_SECRET = ("", b"\0" * 32)


class SecretProof(NamedTuple):
    """The stored secret that proved a client, and the readings of the sent one.

    `guessable` is true if this server did not generate the secret.
    """

    stored: ClientSecret
    readings: Sequence[str]
    guessable: bool


class OAuthClient(ClientMixin):
    """One registered client, in the shape that Authlib's grants ask for (RFC 6749, 2)."""

    def __init__(self, client: Client) -> None:
        """Wrap `client`; a method that proves it by a secret sets `proof`."""
        self.registered = client
        self.proof: SecretProof | None = None

    def get_client_id(self) -> str:
        """The client identifier (RFC 6749, 2.2)."""
        return self.registered.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scope that is granted for the requested `scope`, None if the client may not have it (3.3)."""
        return resolve(scope, self.registered)

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client is registered for `grant_type`."""
        return grant_type in self.registered.grant_types

    def get_default_redirect_uri(self) -> str | None:
        """The redirect URI of a request that names none: the only registered one (RFC 6749, 3.1.2.3)."""
        registered = self.registered.redirect_uris
        return registered[0] if len(registered) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether an answer may go to `redirect_uri`: by text, apart from the port of a loopback address."""
        return is_registered(redirect_uri, self.registered.redirect_uris)

    def check_response_type(self, response_type: str) -> bool:
        """Whether the client may ask for `response_type`, of which there is one."""
        return response_type == "code" and self.check_grant_type(AUTHORIZATION_CODE)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Whether the client may authenticate with `method`. It holds at every endpoint.

        A client with a secret may send it in a Basic header or in the form, unless it is registered as
        strict. Many libraries choose by themselves, or try both (RFC 6749, 2.3.1).
        """
        registered = self.registered.token_endpoint_auth_method
        if method == registered:
            return True
        is_strict = self.registered.flags.get(STRICT_AUTH_METHOD)
        return not is_strict and method in _SECRET_METHODS and registered in _SECRET_METHODS

    @property
    def keeps_refresh_token(self) -> bool:
        """Whether the client's refresh token stays the same at each use; a public client's never does."""
        return bool(self.registered.flags.get(KEEP_REFRESH_TOKEN)) and not self.registered.is_public

    @property
    def is_scope_tolerant(self) -> bool:
        """Whether scope names that the client may not have are dropped instead of refused."""
        return bool(self.registered.flags.get(TOLERANT_SCOPE))


class NotProven(InvalidClient):
    """A request uses a method of client authentication and fails.

    Functions of methods raise it. `client` is the client that the request names, None if there is none.
    `claimed_id` is the id as it was sent: failures count under it where no such client exists. `throttled` is
    set where the proof is right but may have been guessed, after too many failures.
    """

    def __init__(
        self,
        cause: str,
        claimed_id: str,
        client: OAuthClient | None = None,
        throttled: ClientThrottled | None = None,
    ) -> None:
        super().__init__(cause, client.get_client_id() if client else None)
        self.claimed_id = self.client_id or claimed_id
        self.client = client
        self.throttled = throttled


QueryClient = Callable[[str], OAuthClient | None]
Method = Callable[[QueryClient, TokenRequest], OAuthClient | None]


class StrictClientAuthentication(ClientAuthentication):
    """Authenticates the client of a request, for each endpoint of the server.

    A method is a function with Authlib's signature, `function(query_client, request)`. It returns None if the
    request does not use the method, else the client. If the proof fails it raises `NotProven`, or Authlib's
    `InvalidClientError`.
    `query_client` returns a client by its id. A function must change nothing: it may be called twice.
    """

    def __init__(self, clients: ClientStore, failures: ClientFailures, clock: Callable[[], float]) -> None:
        """Start with the methods that read a secret, and `none`.

        Args:
            clients: where clients and their secrets are.
            failures: counts failed authentications.
            clock: seconds since the epoch.
        """
        super().__init__(query_with(clients.recent.get))
        self._cached, self._stored = query_with(clients.recent.kept), query_with(clients.recent.read)
        self._clients = clients
        self._failures = failures
        self._clock = clock
        self._methods: dict[str, Method] = {}
        self.methods: Sequence[str] = ()
        """The names of all registered methods (RFC 7591, 2)."""
        self.register(_BASIC, self._basic)
        self.register(_POST, self._post)
        self.register(NONE, _none)

    def register(self, method: str, func: Method) -> None:
        """Register a method for every endpoint, or replace the function of one (Authlib).

        Args:
            method: its name (RFC 7591, 2).
            func: authenticates by it.
        """
        super().register(method, func)
        self.methods = tuple(self._methods)

    def authenticate(self, request: TokenRequest, methods: Sequence[str], endpoint: str) -> OAuthClient:
        """The client that made the request.

        The database decides on each refusal: the secret may have changed since the client was cached. So
        every refusal costs one read, and its time does not reveal whether the client exists.

        Args:
            request: the client's.
            methods: those that are allowed here.
            endpoint: Authlib's name of the endpoint.

        Raises:
            InvalidClient: the request proves no client; one answer whatever the cause.
            ClientThrottled: too many authentications failed for this client or from this address.
            OAuth2Error: `invalid_request`: the request uses two methods at once.
            StoreUnavailable: the database cannot say.
        """
        try:
            return self._attempt(request, methods, endpoint, self._cached)
        except NotProven:
            pass
        try:
            return self._attempt(request, methods, endpoint, self._stored)
        except NotProven as refusal:
            throttled = refusal.throttled or self._count(refusal, request.address)
            if throttled is None:
                raise
            throttled.client_id = refusal.client_id
        raise throttled

    def _attempt(
        self, request: TokenRequest, methods: Sequence[str], endpoint: str, query_client: QueryClient
    ) -> OAuthClient:
        """Authenticate the client by the clients that `query_client` knows.

        Raises:
            NotProven: the request proves none of these clients.
        """
        method, outcome = self._outcome(request, query_client)
        client = outcome.client if isinstance(outcome, NotProven) else outcome
        if client is not None and client.registered.disabled_at is not None:
            raise NotProven("disabled", client.get_client_id(), client)
        if client is not None and not (
            method in methods and client.check_endpoint_auth_method(method, endpoint)
        ):
            raise NotProven(f"not by the method {method}", client.get_client_id(), client)
        if isinstance(outcome, NotProven):
            raise outcome
        if outcome.proof is not None:
            self._note_use(request, outcome.registered, outcome.proof)
        request.auth_method = method
        return outcome

    def _outcome(
        self, request: TokenRequest, query_client: QueryClient
    ) -> tuple[str, OAuthClient | NotProven]:
        """The one method that the request uses, and its outcome."""
        used: list[tuple[str, OAuthClient | NotProven]] = []
        for method, function in self._methods.items():
            # An id beside another method's credentials is no method of its own (RFC 6749, 3.2.1).
            if method == NONE:
                continue
            outcome = _call(function, query_client, request, method)
            if outcome is not None:
                used.append((method, outcome))
        if not used and (outcome := _call(self._methods[NONE], query_client, request, NONE)) is not None:
            used.append((NONE, outcome))
        if len(used) > 1:
            raise _two_methods()
        if not used:
            raise InvalidClient("no credentials")
        return used[0]

    def _basic(self, query_client: QueryClient, request: TokenRequest) -> OAuthClient | None:
        """`client_secret_basic` (RFC 6749, 2.3.1)."""
        readings = _basic_readings(request)
        if not readings or not readings[0][1]:
            return None
        return self._prove(query_client, request, readings)

    def _post(self, query_client: QueryClient, request: TokenRequest) -> OAuthClient | None:
        """`client_secret_post` (RFC 6749, 2.3.1)."""
        client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
        if client_id is None or secret is None:
            return None
        return self._prove(query_client, request, [(client_id, secret)])

    def _prove(
        self, query_client: QueryClient, request: TokenRequest, readings: Sequence[tuple[str, str]]
    ) -> OAuthClient:
        """The client that one of `readings`, each an id and a secret, proves."""
        client = _first_known(query_client, readings)
        claimed_id = readings[-1][0] if client is None else client.get_client_id()
        # Nobody can guess a secret that we made. Failures do not throttle it, so they lock no client out.
        guessable = not has_our_form(readings[-1][1])
        throttled = self._failures.throttled(claimed_id, request.address) if guessable else None
        now, secrets = int(self._clock()), [secret for _, secret in readings]
        live = [] if client is None else [each for each in client.registered.secrets if each.is_live(now)]
        stored = [(each.key_id, each.digest) for each in live] or [_NO_SUCH_SECRET]
        matches = self._clients.hasher.matches(secrets, stored, whole=throttled is not None)
        if client is None:
            raise NotProven("unknown client", claimed_id)
        if True not in matches:
            raise NotProven("wrong or ended secret", claimed_id, client)
        if throttled is not None:
            raise NotProven("too many failures before", claimed_id, client, throttled)
        client.proof = SecretProof(live[matches.index(True)], secrets, guessable)
        return client

    def _note_use(self, request: TokenRequest, client: Client, proof: SecretProof) -> None:
        """Note that a secret proved its client."""
        if proof.guessable:
            self._failures.succeeded(client.client_id, request.address)
        self._renew(client, proof)
        if int(self._clock()) - (proof.stored.last_used_at or 0) >= _LAST_USE_SECONDS:
            request.secret_used = (client.client_id, proof.stored.serial)

    def _renew(self, client: Client, proof: SecretProof) -> None:
        """Store the secret's digest under the server's first key, so that the old key can be removed."""
        hasher = self._clients.hasher
        if proof.stored.key_id == hasher.keys[0][0]:
            return
        stored = [(proof.stored.key_id, proof.stored.digest)]
        secret = next(each for each in proof.readings if any(hasher.matches([each], stored)))
        # If the digest cannot be stored now, the secret is still proven under the old key.
        with suppress(StoreUnavailable):
            self._clients.renew_digest(client.client_id, proof.stored, secret)

    def _count(self, refusal: NotProven, address: str) -> ClientThrottled | None:
        try:
            self._failures.count(refusal.claimed_id, address)
        except ClientThrottled as throttled:
            return throttled
        return None


def _two_methods() -> OAuth2Error:
    return malformed("The client may authenticate in one way only.")


def query_with(find: Callable[[str], Client | None]) -> QueryClient:
    """Adapt a store's look-up of clients to Authlib's.

    Args:
        find: gives the registered client of an id, or None.
    """

    def query_client(client_id: str) -> OAuthClient | None:
        client = find(client_id)
        return None if client is None else OAuthClient(client)

    return query_client


def _none(query_client: QueryClient, request: TokenRequest) -> OAuthClient | None:
    """`none`: a public client names itself (RFC 7591, 2)."""
    # A public client's library may send the id in a Basic header with an empty secret.
    client_id = request.form.get("client_id")
    readings = _basic_readings(request) or ([] if client_id is None else [(client_id, "")])
    if not readings:
        return None
    client = _first_known(query_client, readings)
    if client is None:
        raise NotProven("unknown client", readings[-1][0])
    return client


def _call(
    function: Method, query_client: QueryClient, request: TokenRequest, method: str
) -> OAuthClient | NotProven | None:
    """The result of a method's function. The error of an external method is converted to ours."""
    try:
        return function(query_client, request)
    except NotProven as refusal:
        return refusal
    except InvalidClientError:
        client_id = request.form.get("client_id", "")
        return NotProven(f"refused by the method {method}", client_id, query_client(client_id))


def _first_known(query_client: QueryClient, readings: Sequence[tuple[str, str]]) -> OAuthClient | None:
    """The first client that one of `readings` names."""
    seen = None
    for client_id, _ in readings:
        if client_id != seen and (client := query_client(client_id)) is not None:
            return client
        seen = client_id
    return None


def _basic_readings(request: TokenRequest) -> Sequence[tuple[str, str]]:
    """The ways to read the request's Basic header, each an id and a secret; none if it has no such header.

    Raises:
        OAuth2Error: the header is malformed, or the body has another method's parameters.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return ()
    readings = _read_basic(header)
    client_id, client_secret = request.form.get("client_id"), request.form.get("client_secret")
    if client_secret is not None or (client_id is not None and client_id not in dict(readings)):
        raise _two_methods()
    return readings


def _read_basic(header: str) -> Sequence[tuple[str, str]]:
    scheme, _, encoded = header.partition(" ")
    try:
        credentials = a2b_base64(encoded.strip(), strict_mode=True).decode("utf-8")
    except ValueError:
        raise InvalidClient("malformed Basic credentials") from None
    client_id, colon, secret = credentials.partition(":")
    if scheme.lower() != "basic" or not colon or "\0" in credentials:
        raise InvalidClient("malformed Basic credentials")
    # RFC 6749, 2.3.1 wants both form-encoded; curl and most programs send them raw. A secret of ours reads
    # the same either way.
    readings = [(client_id, secret)]
    if "%" not in credentials and "+" not in credentials:
        return readings
    try:
        decoded = (unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict"))
    except UnicodeDecodeError:
        return readings
    return readings if decoded == readings[0] or "\0" in "".join(decoded) else [*readings, decoded]
