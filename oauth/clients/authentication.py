"""Client authentication (RFC 6749, 2.3): exactly one method, one answer for every failure, constant time.

Authlib decodes Basic credentials in one way only, tells an unknown client from a wrong secret, accepts two
methods at once, and compares text. Here the credentials may be raw or form-encoded, as programs send both.
"""

from binascii import a2b_base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749.authenticate_client import ClientAuthentication

from login import ClientFailures, ClientThrottled
from models import Client, ClientSecret, ClientStore, StoreUnavailable, has_our_form
from oauth.clients.authlib_client import OAuthClient
from oauth.errors import InvalidClient, malformed
from oauth.token_request import TokenRequest

METHODS = ("client_secret_basic", "client_secret_post", "none")
# The parameters of the token request that these methods read.
PARAMETERS = frozenset({"client_id", "client_secret"})

# Writing the time of each use would cost a write a token: once an hour tells an operator as much.
_LAST_USE_SECONDS = 3600
_NO_SUCH_SECRET = ("", b"\0" * 32)


class _Presented(NamedTuple):
    method: str
    readings: Sequence[tuple[str, str]]


class _Withheld(InvalidClient):
    """The secret is right, but after so many failures it may have been guessed."""

    def __init__(self, throttled: ClientThrottled, client_id: str) -> None:
        super().__init__("too many failures before", client_id)
        self.throttled = throttled


class StrictClientAuthentication(ClientAuthentication):
    """Who is the client? Answers for each endpoint of the server."""

    def __init__(self, clients: ClientStore, failures: ClientFailures, clock: Callable[[], float]) -> None:
        super().__init__(clients.recent.get)
        self._clients = clients
        self._failures = failures
        self._clock = clock

    def authenticate(
        self,
        request: TokenRequest,
        methods: Sequence[str],
        endpoint: str,
    ) -> OAuthClient:
        """The client that made the request.

        The database decides on each refusal, since a client that was read before may have a new secret now.
        So every refusal costs one read, and the time does not tell whether there is such a client.

        Raises:
            InvalidClient: it did not prove to be one of ours; the same answer whatever the cause.
            ClientThrottled: so did others before, in its name or from its address.
            OAuth2Error: `invalid_request`, where two methods were used at once.
            StoreUnavailable: the database cannot say.
        """
        presented, recent = _presented(request), self._clients.recent
        client = self._look_up(presented, recent.kept)
        try:
            return self._judge(request, presented, client, methods, endpoint)
        except InvalidClient:
            client = self._look_up(presented, recent.read)
        try:
            return self._judge(request, presented, client, methods, endpoint)
        except _Withheld as withheld:
            throttled = withheld.throttled
        except InvalidClient:
            try:
                self._failures.count(_named(presented, client), request.address)
            except ClientThrottled as too_many:
                throttled = too_many
            else:
                raise
        throttled.client_id = None if client is None else client.client_id
        raise throttled from None

    def _judge(
        self,
        request: TokenRequest,
        presented: _Presented,
        client: Client | None,
        methods: Sequence[str],
        endpoint: str,
    ) -> OAuthClient:
        """The client, if what is known of it is proof enough; else InvalidClient."""
        now = int(self._clock())
        live = [] if client is None else [secret for secret in client.secrets if secret.is_live(now)]
        # No number of failures stops a secret that nobody can guess: an outsider locks no such client out.
        guessable = presented.method != "none" and not has_our_form(presented.readings[-1][1])
        throttled = self._throttled(request, presented, client) if guessable else None
        proven = self._prove(presented, live, whole=throttled is not None)
        if client is None:
            raise InvalidClient("unknown client")
        authenticated = OAuthClient(client)
        if client.disabled_at is not None:
            raise InvalidClient("disabled", client.client_id)
        registered = authenticated.check_endpoint_auth_method(presented.method, endpoint)
        if presented.method not in methods or not registered:
            raise InvalidClient(f"not by the method {presented.method}", client.client_id)
        if presented.method != "none":
            if proven is None:
                raise InvalidClient("wrong or ended secret", client.client_id)
            if throttled is not None:
                raise _Withheld(throttled, client.client_id)
            if guessable:
                self._failures.succeeded(client.client_id, request.address)
            self._renew(client, proven, presented)
            if now - (proven.last_used_at or 0) >= _LAST_USE_SECONDS:
                request.secret_used = (client.client_id, proven.serial)
        request.auth_method = presented.method
        return authenticated

    def _throttled(
        self, request: TokenRequest, presented: _Presented, client: Client | None
    ) -> ClientThrottled | None:
        return self._failures.throttled(_named(presented, client), request.address)

    def _renew(self, client: Client, proven: ClientSecret, presented: _Presented) -> None:
        """Keep the secret under the server's first key from now on, so that the old one can go."""
        hasher = self._clients.hasher
        if proven.key_id == hasher.keys[0][0]:
            return
        stored = [(proven.key_id, proven.digest)]
        secret = next(secret for _, secret in presented.readings if any(hasher.matches([secret], stored)))
        # Where it cannot be stored now, the old key goes on proving it.
        with suppress(StoreUnavailable):
            self._clients.renew_digest(client.client_id, proven, secret)

    def _look_up(self, presented: _Presented, find: Callable[[str], Client | None]) -> Client | None:
        asked = None
        for client_id, _ in presented.readings:
            if client_id != asked and (client := find(client_id)) is not None:
                return client
            asked = client_id
        return None

    def _prove(
        self, presented: _Presented, live: Sequence[ClientSecret], *, whole: bool
    ) -> ClientSecret | None:
        stored = [(secret.key_id, secret.digest) for secret in live] or [_NO_SUCH_SECRET]
        secrets = [secret for _, secret in presented.readings]
        found = self._clients.hasher.matches(secrets, stored, whole=whole)
        return live[found.index(True)] if True in found else None


def _named(presented: _Presented, client: Client | None) -> str:
    """The id that failures count under: the same for each way to spell it, whether it exists or not."""
    return presented.readings[-1][0] if client is None else client.client_id


def _presented(request: TokenRequest) -> _Presented:
    client_id, client_secret = request.form.get("client_id"), request.form.get("client_secret")
    header = request.headers.get("Authorization")
    if header is not None:
        readings = _read_basic(header)
        if client_secret is not None or (client_id is not None and client_id not in dict(readings)):
            raise malformed("The client may authenticate in one way only.")
        # A public client's library may send its id in a Basic header with nothing after the colon.
        return _Presented("client_secret_basic" if readings[0][1] else "none", readings)
    if client_id is None:
        raise InvalidClient("no credentials")
    if client_secret is None:
        return _Presented("none", [(client_id, "")])
    return _Presented("client_secret_post", [(client_id, client_secret)])


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
