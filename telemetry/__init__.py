"""Audit events, the structured log, and the redaction of secrets.

Owns: the fields of an audit event, the JSON of log lines, answers and columns, and redaction. Every package
may import it. Must not know: any package of ours.

- `log.py`: the audit event, JSON, and the log.
- `nonblocking.py`: writes of log lines never block a request.
- `redaction.py`: removes secrets from log lines.
- `sampling.py`: logs frequent events at most once a minute.
- `syslog.py`: the system's log, for what operators do by commands.
- `user_agents.py`: the family of a client program.
- `exceptions.py`: outlines of exceptions, without their messages.
"""

from telemetry.log import (
    ACTOR_LENGTH,
    REASON_LENGTH,
    Actor,
    AuditEvent,
    LateLog,
    Log,
    configure_standard_logging,
    json_text,
    open_log,
    redact_access_log,
)
from telemetry.redaction import redact, redact_tokens
from telemetry.sampling import LogSampler
from telemetry.syslog import system_log
from telemetry.user_agents import FAMILIES, FAMILY_LENGTH, family_of

__all__ = [
    "ACTOR_LENGTH",
    "FAMILIES",
    "FAMILY_LENGTH",
    "REASON_LENGTH",
    "Actor",
    "AuditEvent",
    "LateLog",
    "Log",
    "LogSampler",
    "configure_standard_logging",
    "family_of",
    "json_text",
    "open_log",
    "redact",
    "redact_access_log",
    "redact_tokens",
    "system_log",
]
