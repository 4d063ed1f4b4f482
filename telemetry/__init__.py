"""What happened: audit events, the structured log, and what must never reach it.

Owns: the shape of an audit event, the JSON log line and how JSON is written at all, redaction. Every package
may know it. Must not know: any of them.
"""

from telemetry.events import REASON_LENGTH, AuditEvent
from telemetry.json_text import json_text
from telemetry.log import Log, configure_standard_logging, open_log, redact_access_log
from telemetry.redaction import redact, redact_tokens
from telemetry.sampling import LogSampler

__all__ = [
    "REASON_LENGTH",
    "AuditEvent",
    "Log",
    "LogSampler",
    "configure_standard_logging",
    "json_text",
    "open_log",
    "redact",
    "redact_access_log",
    "redact_tokens",
]
