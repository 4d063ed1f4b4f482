"""The structured log: one JSON line an event, on one stream.

Control characters and bidirectional overrides are escaped (the JSON is ASCII), so that a name that someone
typed can neither split a line nor turn it around.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Protocol, TextIO, cast

import structlog

from telemetry.exceptions import outline
from telemetry.json_text import json_text
from telemetry.nonblocking import NonBlockingStream
from telemetry.redaction import redact, redact_fields

# Authlib, ldap3 and SQLAlchemy log tokens, names and statements below WARNING: those lines are never made.
_QUERY = re.compile(r"\?[^\s\"]*")
_TALKATIVE = ("authlib", "ldap3", "sqlalchemy.engine", "sqlalchemy.pool")


class Log(Protocol):
    """What the house asks of a log: an event's name and its fields."""

    def info(self, event: str, **fields: object) -> None:
        """Say that something happened as it should."""

    def warning(self, event: str, **fields: object) -> None:
        """Say that something was refused or failed, and passes."""

    def error(self, event: str, **fields: object) -> None:
        """Say that somebody must look."""


def _outline_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    return {**event, **outline(error)} if isinstance(error, BaseException) else event


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    # By an encoder that is made once: structlog's own renderer has json.dumps make one for each line.
    return json_text(redact_fields(event))


def open_log(stream: TextIO) -> Log:
    """A log that writes JSON lines to `stream`.

    Args:
        stream: where the lines go, each at once. One that cannot be written to loses lines and
            stops nothing. Of an exception only its kind and place is told: its text may hold anything.
    """
    lazy = structlog.wrap_logger(
        structlog.WriteLogger(cast("TextIO", NonBlockingStream(stream))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _outline_exception,
            _line,
        ],
    )
    # Until something is bound it is made anew for each line.
    log: Log = lazy.bind()
    return log


def configure_standard_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what other libraries log through the same JSON lines and the same redaction.

    Args:
        level: the lowest level shown; libraries known to log secrets stay at WARNING whatever it is.
        stream: where the lines go (standard error by default).
    """
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _line],
    )
    handler = logging.StreamHandler(cast("TextIO", NonBlockingStream(stream or sys.stderr)))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    quiet_talkative_libraries()


def quiet_talkative_libraries() -> None:
    """Hold the libraries that log tokens, names and statements to warnings, whatever the root shows."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger(name).level))


def redact_access_log() -> None:
    """Keep the query strings out of the access log of Flask's own server: people put secrets there."""
    logger = logging.getLogger("werkzeug")
    if not any(isinstance(each, _WithoutQuery) for each in logger.filters):
        logger.addFilter(_WithoutQuery())


class _WithoutQuery(logging.Filter):
    """Takes the query out of each request line, whatever was asked."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; every one passes."""
        record.msg, record.args = redact(_QUERY.sub("?[redacted]", record.getMessage())), ()
        return True
