"""Liveness and readiness: a dead directory must not restart a server that still checks tokens."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response

from login import DirectoryUnavailable
from models import StoreUnavailable
from oauth import json_response

Probe = Callable[[], None]


def health(*, required: Mapping[str, Probe], degrading: Mapping[str, Probe]) -> Blueprint:
    """`/healthz` (this process answers) and `/readyz` (its dependencies answer too).

    A probe raises StoreUnavailable or DirectoryUnavailable if its dependency does not answer.

    Args:
        required: probes of what everything needs. If one fails, `/readyz` is 503.
        degrading: probes of what only logins need; issued tokens still work. If one fails, `/readyz` stays
            200 and says `degraded`.
    """
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> Response:
        """This process answers."""
        return json_response({"status": "ok"})

    @pages.get("/readyz")
    def readyz() -> Response:
        """503 if tokens cannot be checked; `degraded` if only logins fail."""
        states = {name: _state(probe) for name, probe in {**required, **degrading}.items()}
        ready = all(states[name] == "ok" for name in required)
        status = (
            "ok"
            if all(state == "ok" for state in states.values())
            else "degraded"
            if ready
            else "unavailable"
        )
        return json_response({"status": status, **states}, 200 if ready else 503)

    return pages


def _state(probe: Probe) -> str:
    try:
        probe()
    except (DirectoryUnavailable, StoreUnavailable):
        return "unavailable"
    return "ok"
