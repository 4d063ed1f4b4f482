"""What a worker process of the production server makes."""

from pathlib import Path

from flask import Flask

import cli
from app import create_app
from app_audit import write_refusals_at_end
from app_cpu import keep_to_one_cpu
from models import Checkpoints, db


def create_worker() -> Flask:
    """One server for a worker process, which writes back its database's log, and what waits when it ends."""
    app = create_app()
    services = app.extensions[cli.Services.NAME]
    if services.settings.cpu_affinity:
        keep_to_one_cpu(Path(app.instance_path))
    with app.app_context():
        checkpoints = Checkpoints(db.engine)
    services.grants.commits.wrote = checkpoints.wrote
    checkpoints.start()
    write_refusals_at_end(app)
    return app
