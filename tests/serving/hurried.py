"""Our server with other timeouts: `python -m tests.serving.hurried BODY FIRST_REQUEST`, both in seconds.

It starts the workers of `flask serve`. Settings are in the environment; the instance folder has a migrated
database and a server key.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from cli.server.serve import server_options
from serving import serve
from serving.wsgi import Application
from settings import instance_path, load_settings
from settings.keyring import load_or_create
from telemetry import configure_standard_logging
from tests.servers.netid import PROJECT
from wiring.worker import create_worker

if __name__ == "__main__":
    body, first_request = map(float, sys.argv[1:])
    instance = instance_path(os.environ, PROJECT / "instance")
    settings = load_settings(instance, os.environ)
    ring = load_or_create(instance, settings.secret_keys, may_create=lambda: False)
    configure_standard_logging()
    serve(
        cast("Callable[[], Application]", partial(create_worker, settings, instance, ring)),
        replace(server_options(settings), body_seconds=body, first_request_seconds=first_request),
    )
