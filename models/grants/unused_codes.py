"""Ending the codes that would give a grant after the grants of a selection ended.

Owns: that an approval ends with the grants that it is like. Must not know: who selects.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Table, delete, update

from models.base import connection, rows_changed, table
from models.sign_in_tables import AuthorizationCodeRow, DeviceCodeRow

_CODE, _DEVICE = table(AuthorizationCodeRow), table(DeviceCodeRow)


def end_unused_codes(
    *, subjects: Sequence[str] | None, client_id: str | None, before: int | None, now: int
) -> int:
    """End unused authorization codes and allowed device codes in one transaction; their number.

    An exchange that came first has its grant when this returns, and one that comes later gives none. So a
    caller that ends grants afterwards ends them all. The device learns that it was denied.

    Args:
        subjects: only codes of these people.
        client_id: only codes of this client.
        before: only codes of a login before, in seconds since the epoch.
        now: seconds since the epoch.

    Raises:
        StoreUnavailable: no code has ended.
    """

    def chosen(codes: Table) -> Sequence[ColumnElement[bool]]:
        # The approval is JSON. The index on the end leads to the few rows that have not expired.
        approval, given = codes.c.approval, [codes.c.expires_at > now, codes.c.used_at.is_(None)]
        if subjects is not None:
            given.append(approval["subject"].as_string().in_(subjects))
        if client_id is not None:
            given.append(codes.c.client_id == client_id)
        if before is not None:
            given.append(approval["auth_time"].as_integer() < before)
        return given

    deny = update(_DEVICE).where(*chosen(_DEVICE), _DEVICE.c.approval.is_not(None)).values(approval=None)
    with connection() as link:
        ended = rows_changed(link.execute(delete(_CODE).where(*chosen(_CODE))))
        ended += rows_changed(link.execute(deny))
        if ended:
            link.commit()
    return ended
