"""The outcome of an attempt that was not tried, because there were too many failures before it."""

from enum import StrEnum

# Seconds. What is told is rounded up to whole ones of these, so that it tells nothing of the counters.
_COARSE = 60


class Cause(StrEnum):
    """Which bound was met. For the log; a client is never told which."""

    PERSON_AND_CLIENT = "person_and_client"
    PERSON = "person"
    CLIENT = "client"
    ADDRESS = "address"
    SERVER = "server"
    SHIELD = "shield"
    CLIENT_RATE = "client_rate"
    CLIENT_AND_ADDRESS = "client_and_address"


class Throttled(Exception):
    """Not now (RFC 6585, 4). `retry_after` is in seconds, and coarse; `cause` is for the log."""

    def __init__(self, cause: Cause, left: float) -> None:
        """Take why, and for how long.

        Args:
            cause: the bound.
            left: seconds until another try could pass.
        """
        super().__init__(cause.value)
        self.cause = cause
        self.retry_after = max(1, -int(-left // _COARSE)) * _COARSE


class ClientThrottled(Throttled):
    """A client's credentials are not accepted now, right or wrong; `client_id` only if it is registered."""

    client_id: str | None = None
