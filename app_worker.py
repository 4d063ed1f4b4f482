"""What a worker process of the production server makes."""

from flask import Flask

from app import create_app
from app_audit import write_refusals_at_end


def create_worker() -> Flask:
    """One server for a worker process, which writes down what waits when it is told to end."""
    app = create_app()
    write_refusals_at_end(app)
    return app
