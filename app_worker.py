"""What a worker process of the production server makes."""

from pathlib import Path

from flask import Flask

import cli
from app import create_app
from app_audit import write_refusals_at_end
from app_cpu import keep_to_one_cpu


def create_worker() -> Flask:
    """One server for a worker process, which writes down what waits when it is told to end."""
    app = create_app()
    settings = app.extensions[cli.Services.NAME].settings
    if settings.cpu_affinity:
        keep_to_one_cpu(Path(app.instance_path), settings.workers)
    write_refusals_at_end(app)
    return app
