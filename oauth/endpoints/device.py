"""The device authorization endpoint (RFC 8628, 3.1 and 3.2).

Authlib's endpoint checks neither the client's grants nor its scope, and its codes live for half an hour.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint

from models import StoreUnavailable
from oauth.clients.registration import DEVICE_CODE
from oauth.errors import invalid_scope, unauthorized_client
from oauth.policy.audience import resolve_audience
from oauth.policy.scope import resolve
from oauth.token_request import TokenRequest
from oauth.tokens.device_codes import new_user_code, shown_user_code
from oauth.tokens.handles import new_handle

if TYPE_CHECKING:
    from oauth.server import Server

PAGE = "/device"
"""The path of the page at which users enter codes, below the issuer (section 3.3)."""
# A user code that is taken is drawn again. With 10,000 codes alive, one draw in two million is taken.
_DRAWS = 5


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """A device asks for a code that its user confirms in a browser (section 3.1).

    Confidential and public clients may ask, if they are registered for the grant. It has no short alias:
    `/device` is the page.
    """

    PATHS = ("/oauth/device",)
    HTTP_METHODS = ("POST",)
    CORS = True
    PARAMETERS = frozenset({"scope"})
    REPEATABLE_PARAMETERS = frozenset({"resource"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {"device_authorization_endpoint": PATHS[0]}
    EXPIRES_IN = 600
    INTERVAL = 5

    server: "Server"

    @property
    def CLIENT_AUTH_METHODS(self) -> Sequence[str]:  # noqa: N802 - Authlib's name
        """The methods of client authentication that the endpoint accepts: all of them."""
        return self.server.client_auth_methods()

    def create_endpoint_response(
        self, request: TokenRequest
    ) -> tuple[int, dict[str, object], Sequence[tuple[str, str]]]:
        """Store a new device code, and answer it with its user code (section 3.2).

        Raises:
            OAuth2Error: the client proves nothing, or may not have what it requests (section 3.1; RFC 6749,
                5.2).
            StoreUnavailable: nothing was stored.
        """
        client = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE_CODE):
            raise unauthorized_client()
        policy, registered = self.server.policy, client.registered
        scope = resolve(
            request.payload.scope,
            registered,
            server_default=policy.default_scope,
            tolerant=client.is_scope_tolerant,
        )
        if scope is None:
            raise invalid_scope()
        audience = resolve_audience(request.resources, registered, self.server.issuer)
        self.server.require_network(registered, request.address)
        device_code, user_code = self._store(request, scope, audience)
        self.server.log.info("device.requested", scope=scope, **request.facts())
        return 200, self._answer(device_code, shown_user_code(user_code)), ()

    def _store(self, request: TokenRequest, scope: str, audience: str | None) -> tuple[str, str]:
        """A device code and a user code, stored as digests.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        device_code = new_handle()
        for user_code in (new_user_code() for _ in range(_DRAWS)):
            if self.server.stores.devices.add(
                device_code.key,
                self.server.user_codes.digest(user_code),
                client_id=request.client.get_client_id(),
                scope=scope,
                audience=audience,
                address=request.address,
                expires_at=self.server.now() + self.EXPIRES_IN,
            ):
                return device_code.text, user_code
        raise StoreUnavailable("no user code is free")

    def _answer(self, device_code: str, user_code: str) -> dict[str, object]:
        """The members of the answer. `message` is for programs that only print one line (an extension)."""
        page = self.server.issuer + PAGE
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            # A dash and letters need no encoding.
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": self.EXPIRES_IN,
            "interval": self.INTERVAL,
            "message": f"To sign in, open {page} in a browser and enter the code {user_code}.",
        }
