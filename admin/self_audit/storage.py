"""Checks of the database and of the audit: how they are reached, and how long they remember."""

from collections.abc import Iterator

from admin.self_audit.finding import Check, Trouble, Weight, of_setting
from admin.self_audit.snapshot import Snapshot

SHORT_AUDIT_DAYS, TOO_SHORT_AUDIT_DAYS = 180, 90
"""Days of the audit below which it is short, and too short to look into most incidents."""
_MEND = "postgresql://HOST/NAME?sslmode=verify-full&sslrootcert=FILE"
_VERIFIED, _ENCRYPTED = "verify-full", ("require", "verify-ca")


def _without_tls(snapshot: Snapshot) -> Iterator[Trouble]:
    """The connection to a database on another host may be in clear text, or its server is not verified."""
    database = snapshot.database
    if not database.hosts or database.sslmode == _VERIFIED:
        return
    is_encrypted = database.sslmode in _ENCRYPTED
    trouble = of_setting(
        "database_url",
        f"{{setting}} names {', '.join(database.hosts)} with sslmode={database.sslmode}: "
        + ("the server's name is not verified." if is_encrypted else "the connection may be in clear text."),
        "",
        weight=Weight.LOW if is_encrypted else None,
    )
    yield trouble._replace(mend=f"{trouble.about}={_MEND}")


def _service_file(snapshot: Snapshot) -> Iterator[Trouble]:
    """The host of the database and its protection may be in a service file, which is not read."""
    if snapshot.database.service:
        trouble = of_setting(
            "database_url",
            f"{{setting}} leaves host and TLS to the service {snapshot.database.service}, which is not read.",
            "",
        )
        yield trouble._replace(mend=f"{trouble.about}={_MEND}")


def _not_durable(snapshot: Snapshot) -> Iterator[Trouble]:
    """A power failure may undo a revocation."""
    if snapshot.database.is_sqlite and snapshot.settings.sqlite_synchronous == "NORMAL":
        yield of_setting(
            "sqlite_synchronous",
            "{setting} is NORMAL: a power failure may undo the last revocations.",
            "FULL",
        )


def _short_audit(snapshot: Snapshot) -> Iterator[Trouble]:
    """The audit forgets before anybody may notice an incident."""
    days = snapshot.settings.audit_retention
    if days < SHORT_AUDIT_DAYS:
        yield of_setting(
            "audit_retention",
            f"{{setting}} keeps the audit for {days} days: many incidents are noticed later.",
            "400",
            weight=Weight.MEDIUM if days < TOO_SHORT_AUDIT_DAYS else None,
        )


CHECKS = (
    Check("database-without-tls", Weight.HIGH, _without_tls),
    Check("database-service-unread", Weight.NOTE, _service_file),
    Check("database-not-durable", Weight.LOW, _not_durable),
    Check("audit-short", Weight.LOW, _short_audit),
)
"""The checks of this subject, in the order of their findings."""
