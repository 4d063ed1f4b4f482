"""What happened: the audit event, and the structured log with one JSON line for each event.

JSON is written in ASCII, on one line. Control characters and bidirectional overrides are escaped, so a name
that a user typed can neither split a line nor reverse it. Answers and database columns are written likewise.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from importlib import import_module
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any, Protocol, Self, TextIO, cast

from telemetry.exceptions import outline
from telemetry.nonblocking import NonBlockingStream
from telemetry.redaction import redact, redact_fields

REASON_LENGTH = 64
"""Characters of the column `reason` in the audit table."""
ACTOR_LENGTH = 255
"""Characters of the columns `actor` and `actor_reason` in the audit table."""

_QUERY = re.compile(r"\?[^\s\"]*")
# Below WARNING, these libraries log tokens, names, URLs and SQL statements.
_LIBRARIES_THAT_LOG_SECRETS = ("authlib", "httpcore", "ldap3", "sqlalchemy.engine", "sqlalchemy.pool")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and why, in the actor's own words. Neither field ever holds a secret or a token."""

    name: str
    reason: str | None = None

    def fields(self) -> dict[str, Any]:
        """Give the fields of an audit event, cut where their columns end."""
        return {"actor": self.name[:ACTOR_LENGTH], "actor_reason": (self.reason or "")[:ACTOR_LENGTH] or None}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One event, as an audit row and a log line report it.

    No field ever holds a password, a secret or a token.

    - `event`: a dotted name such as `token.issued`.
    - `at`: seconds since the epoch.
    - `subject`: the stable id of a person.
    - `name_digest`: a keyed digest of a login name that matches no entry. Users type passwords there.
    - `times`: how many equal events this one stands for; None if only for itself.
    - `hint`: a likely mistake in the client's program, as the request shows it.
    - `actor`, `actor_reason`: the operator who made the change, and why; None for events of requests.
    - `grant_type`: the grant type of a token request.
    - `user_agent`: the family of the program that sent a token request, from a constant list.
    - `app_password_id`: the public id of an app password, in hex.
    """

    event: str
    at: int
    request_id: str | None = None
    client_id: str | None = None
    subject: str | None = None
    grant_id: str | None = None
    address: str | None = None
    scope: str | None = None
    reason: str | None = None
    duration_ms: int | None = None
    name_digest: str | None = None
    times: int | None = None
    hint: str | None = None
    actor: str | None = None
    actor_reason: str | None = None
    grant_type: str | None = None
    user_agent: str | None = None
    app_password_id: str | None = None

    def fields(self) -> Mapping[str, str | int | None]:
        """Give every field by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def with_count(self, count: str) -> Self:
        """Append a count to the reason. If both do not fit into the column, the reason is cut.

        Args:
            count: What was changed, and how many of it.
        """
        room = REASON_LENGTH - len(": ") - len(count)
        return replace(self, reason=f"{self.reason[:room]}: {count}" if self.reason else count)

    def facts(self) -> dict[str, str | int]:
        """Give the fields that have a value, without `event`: the fields of a log line."""
        return {name: value for name in _FACTS if (value := getattr(self, name)) is not None}


_FACTS = tuple(name for name in AuditEvent.__slots__ if name != "event")


def json_text(value: object) -> str:
    """Write a value as `json.dumps` does (RFC 8259), but in half the time: it builds an encoder at each call.

    Args:
        value: A JSON value that does not contain itself.

    Raises:
        TypeError: The value is not JSON.
    """
    return "".join(_encode(value, 0))


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not JSON")


_encode = c_make_encoder(
    markers=None,
    default=_refuse,
    encoder=encode_basestring_ascii,
    indent=None,
    key_separator=": ",
    item_separator=", ",
    sort_keys=False,
    skipkeys=False,
    allow_nan=True,
)


class Log(Protocol):
    """A structured log: each line has the name of an event, and fields."""

    def info(self, event: str, **fields: object) -> None:
        """Log an event that is expected."""

    def warning(self, event: str, **fields: object) -> None:
        """Log a refusal or a failure that passes by itself."""

    def error(self, event: str, **fields: object) -> None:
        """Log a failure that an operator must look at."""


def open_log(stream: TextIO) -> Log:
    """Open a log that writes JSON lines.

    Of an exception it logs only kinds and places, because the message may hold anything.

    Args:
        stream: Receives each line at once. If it cannot be written to, lines are lost and nothing stops.
    """
    structlog = _structlog()
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
    # Without `bind`, structlog builds a logger for each line.
    log: Log = lazy.bind()
    return log


class LateLog:
    """A log that is opened at its first line. Most commands write none, and start quickly without it."""

    def __init__(self, stream: TextIO) -> None:
        """Open nothing yet.

        Args:
            stream: As `open_log` takes it.
        """
        self._stream = stream
        self._opened: Log | None = None

    def _log(self) -> Log:
        if self._opened is None:
            self._opened = open_log(self._stream)
        return self._opened

    def info(self, event: str, **fields: object) -> None:
        """Log an event that is expected."""
        self._log().info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log a refusal or a failure that passes by itself."""
        self._log().warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Log a failure that an operator must look at."""
        self._log().error(event, **fields)


def _structlog() -> Any:
    """The library, which takes a tenth of a command's start to import."""
    return import_module("structlog")


def configure_standard_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Write what libraries log as JSON lines too, with the same redaction.

    Args:
        level: The lowest level logged. Libraries that log secrets stay at WARNING in any case.
        stream: Receives the lines (standard error by default).
    """
    structlog = _structlog()
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
    """Limit libraries that log tokens, names and SQL statements to warnings, whatever the root's level is."""
    for name in _LIBRARIES_THAT_LOG_SECRETS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger(name).level))


def redact_access_log() -> None:
    """Remove query strings from the access log of Flask's development server: users put secrets there."""
    logger = logging.getLogger("werkzeug")
    if not any(isinstance(each, _WithoutQuery) for each in logger.filters):
        logger.addFilter(_WithoutQuery())


class _WithoutQuery(logging.Filter):
    """Removes the query string from each request line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record, and let it pass."""
        record.msg, record.args = redact(_QUERY.sub("?[redacted]", record.getMessage())), ()
        return True


def _outline_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    return {**event, **outline(error)} if isinstance(error, BaseException) else event


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    # structlog's own renderer would build a JSON encoder for each line.
    return json_text(redact_fields(event))
