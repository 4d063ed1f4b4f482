"""Encrypting everything under the first server key, so that an operator can remove an older one."""

from sqlalchemy import insert

from models.base import connection, table
from models.keys.persistent_secret import PersistentSecrets
from models.keys.signing_key import SigningKeyStore
from models.tables import AuditEventRow
from telemetry import AuditEvent

_INSERT_AUDIT = insert(table(AuditEventRow)).inline()


def reencrypt(keys: SigningKeyStore, secrets: PersistentSecrets, event: AuditEvent) -> int:
    """Encrypt signing keys and persistent secrets under the first server key, in one transaction.

    Args:
        keys: the signing keys.
        secrets: the persistent secrets.
        event: the audit row; the number is appended to its reason. It is not stored if nothing changed.

    Returns:
        How many values were encrypted again.

    Raises:
        StoreUnavailable: nothing was changed; for example, a server key that is still needed is missing.
    """
    with connection() as link:
        count = keys.reencrypt(link) + secrets.reencrypt(link)
        if count:
            audited = event.with_count(f"{count} encrypted")
            link.execute(_INSERT_AUDIT, dict(audited.fields()))
        link.commit()
    return count
