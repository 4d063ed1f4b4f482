"""The structured log: one JSON line an event, on one stream.

Control characters and bidirectional overrides are escaped (the JSON is ASCII), so that a name that someone
typed can neither split a line nor turn it around.
"""

import logging
import re
import sys
import time
from functools import lru_cache
from typing import Protocol, TextIO, cast

from telemetry.json_text import json_text
from telemetry.outline import outline
from telemetry.redaction import redact, redact_fields
from telemetry.steady import SteadyStream

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


class _Lines:
    """The log on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = SteadyStream(stream)

    def info(self, event: str, **fields: object) -> None:
        """Say that something happened as it should."""
        self._tell("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say that something was refused or failed, and passes."""
        self._tell("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Say that somebody must look."""
        self._tell("error", event, fields)

    def _tell(self, level: str, event: str, fields: dict[str, object]) -> None:
        error = fields.pop("exc_info", None)
        if isinstance(error, BaseException):
            fields |= outline(error)
        fields["event"], fields["level"] = event, level
        self._stream.write(_line(fields, time.time()) + "\n")


class _Formatter(logging.Formatter):
    """What other libraries log, as lines like ours."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, without its end."""
        fields: dict[str, object] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _line(fields, record.created)


def _line(fields: dict[str, object], at: float) -> str:
    told = redact_fields(fields)
    told["timestamp"] = _moment(at)
    return json_text(told)


def _moment(at: float) -> str:
    """A time (seconds since the epoch) as RFC 3339 has it, to the microsecond."""
    seconds, part = divmod(int(at * 1_000_000), 1_000_000)
    return f"{_second(seconds)}.{part:06}Z"


# Many lines are of one second.
@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def open_log(stream: TextIO) -> Log:
    """A log that writes JSON lines to `stream`.

    Args:
        stream: where the lines go, each at once. One that cannot be written to loses lines and
            stops nothing. Of an exception only its kind and place is told: its text may hold anything.
    """
    return _Lines(stream)


def configure_standard_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what other libraries log through the same JSON lines and the same redaction.

    Args:
        level: the lowest level shown; libraries known to log secrets stay at WARNING whatever it is.
        stream: where the lines go (standard error by default).
    """
    handler = logging.StreamHandler(cast("TextIO", SteadyStream(stream or sys.stderr)))
    handler.setFormatter(_Formatter())
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
