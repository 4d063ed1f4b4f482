"""How long what we issue lives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Lifetimes in seconds: of an access token; of a refresh token, used or idle; of a whole grant."""

    access_token: int
    refresh_token: int
    refresh_idle: int
    grant: int

    def refresh(self) -> int:
        """How long a fresh refresh token may wait for its use: the shortest bound that holds for it."""
        return min(self.refresh_token, self.refresh_idle, self.grant)

    def kept(self) -> int:
        """How long a refresh token that is not rotated may be used, if it is never idle for too long."""
        return min(self.refresh_token, self.grant)

    def idle_steps(self) -> int:
        """How much a use must move the idle end of a kept token for that to be worth a write."""
        return min(3600, self.refresh_idle // 24)
