"""What a user approved for a client, as a code keeps it until the client's token exists."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Approval(NamedTuple):
    """A user's approval: the values of the grant that it will become. Times are seconds since the epoch.

    The fields mean what they mean in `NewGrant`. `nonce` is for the ID token alone.
    """

    directory: str
    subject: str
    sub: str | None
    net_id: str | None
    private: bool
    claims: Mapping[str, object]
    scope: str
    audience: str | None
    password_changed_at: int | None
    auth_time: int
    acr: str | None
    amr: Sequence[str]
    session_id: bytes | None
    nonce: str | None = None

    @property
    def seen_sub(self) -> str:
        """The user as the client sees them."""
        return self.subject if self.sub is None else self.sub

    def as_json(self) -> dict[str, object]:
        """The approval as a JSON object."""
        session_id = None if self.session_id is None else self.session_id.hex()
        return {
            **self._asdict(),
            "claims": dict(self.claims),
            "amr": list(self.amr),
            "session_id": session_id,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Approval":
        """The approval of a JSON object that `as_json` made."""
        session_id = stored["session_id"]
        return cls(**{**stored, "session_id": None if session_id is None else bytes.fromhex(session_id)})
