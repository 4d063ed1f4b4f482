"""`flask serve` with workers that show their environment; started by `python -m`."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask.cli import main

from serving.wsgi import Application, Environ, StartResponse
from settings import Settings
from settings.keyring import KeyRing
from wiring import worker

_create_worker = worker.create_worker


def create_worker(settings: Settings, instance: Path, ring: KeyRing) -> Application:
    """A worker whose `/reveal` shows the request's environ and the process's environment."""
    inner: Any = _create_worker(settings, instance, ring)

    def outer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/reveal":
            answer: Iterable[bytes] = inner(environ, start_response)
            return answer
        start_response("200 OK", [("content-type", "application/json")])
        shown = {name: str(value) for name, value in environ.items()}
        secrets = {
            "bind password": settings.ldap.bind_password is not None,
            "database": settings.database_url_or_default(instance),
            "keys": settings.secret_keys,
        }
        return [json.dumps({"environ": shown, "os": dict(os.environ), "settings": secrets}).encode()]

    return outer


if __name__ == "__main__":
    worker.create_worker = create_worker  # type: ignore[assignment]
    sys.argv = ["flask", "serve"]
    main()
