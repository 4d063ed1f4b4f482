"""Fixtures for tests of logs."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from telemetry import configure_standard_logging


@pytest.fixture(params=["caught", "configured"])
def all_logs(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """All that libraries log at DEBUG: as they log it, and as this server writes it."""
    root = logging.getLogger()
    held = [logging.getLogger(name) for name in ("authlib", "ldap3", "sqlalchemy.engine", "sqlalchemy.pool")]
    before = root.handlers, root.level, [logger.level for logger in held]
    stream = io.StringIO()
    if request.param == "configured":
        configure_standard_logging(logging.DEBUG, stream)
    else:
        caplog.set_level(logging.DEBUG)
        for logger in held:
            logger.setLevel(logging.DEBUG)
    yield lambda: stream.getvalue() + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    root.handlers, root.level = before[:2]
    for logger, level in zip(held, before[2], strict=True):
        logger.setLevel(level)
