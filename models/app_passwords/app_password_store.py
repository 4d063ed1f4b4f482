"""App passwords in the database: making, finding, listing and ending them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import String, and_, bindparam, exists, func, insert, literal_column, or_, select, update

from models.app_passwords.app_password import COLUMNS, NOTICE_SECONDS, STORED, UNUSED_SECONDS, AppPassword
from models.app_passwords.app_password_end import (
    OF_CLIENT,
    OF_PERSON,
    OF_PERSON_AT_CLIENT,
    EndedAppPassword,
    end_each,
    end_one,
    end_one_if_over,
)
from models.audit.audit_store import record_after
from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import AppPasswordRow
from models.tables import AuditEventRow, MissingPersonRow
from telemetry import AuditEvent

MAX_APP_PASSWORDS = 50
"""The most live app passwords of one person."""
MAX_MADE_IN_A_DAY = 100
"""The most app passwords that are made for one person within 24 hours. Ended ones are stored for a year."""
ENDED = "app_password.ended"
"""The event of an app password that ended."""
EXPIRED, UNUSED = "expired", "unused"
"""Why an app password ends by itself."""

_ROW, _AUDIT, _MISSING = table(AppPasswordRow), table(AuditEventRow), table(MissingPersonRow)
# Ids a look at a time, so that no answer is large.
_BATCH = 1000
_DAY = 86_400
_SELECT = select(*COLUMNS)
_MISSED = (
    exists()
    .where(_MISSING.c.subject == _ROW.c.subject, _MISSING.c.directory == _ROW.c.directory)
    .label("missed")
)
_BY_DIGEST = Statement(select(*STORED, _MISSED).where(_ROW.c.digest == bindparam("digest")), row=AppPassword)
_BY_ID = Statement(_SELECT.where(_ROW.c.id == bindparam("app_password")), row=AppPassword)
_OF_PERSON = (_ROW.c.directory == bindparam("of_directory"), _ROW.c.subject == bindparam("of_subject"))
_NEWEST_FIRST = _SELECT.order_by(_ROW.c.created_at.desc(), _ROW.c.id)
_LIST = Statement(_NEWEST_FIRST.where(*_OF_PERSON), row=AppPassword)
_USED_OR_MADE_AT = func.coalesce(_ROW.c.last_used_at, _ROW.c.created_at)
_IS_LIVE = (
    _ROW.c.ended_at.is_(None),
    _ROW.c.expires_at > bindparam("now"),
    bindparam("unused_since") < _USED_OR_MADE_AT,
)
# On PostgreSQL two who add one for a person at the same time count one by one. There may be no row to lock.
_PERSON_KEY = func.hashtextextended(bindparam("of_subject", type_=String()), literal_column("0"))
_LOCK = Statement(select(func.pg_advisory_xact_lock(_PERSON_KEY).label("locked")))
_COUNT = Statement(
    select(
        func.count().filter(*_IS_LIVE).label("live"),
        func.count().filter(_ROW.c.created_at > bindparam("a_day_ago")).label("made"),
    ).where(*_OF_PERSON)
)
_INSERT = Statement(insert(_ROW), _ROW.c.keys())
_INSERT_AUDIT = Statement(insert(_AUDIT).inline(), [name for name in _AUDIT.c.keys() if name != "id"])  # noqa: SIM118
_OVER = Statement(
    _SELECT.where(
        _ROW.c.ended_at.is_(None),
        or_(_ROW.c.expires_at <= bindparam("now"), bindparam("unused_since") >= _USED_OR_MADE_AT),
    )
    .order_by(_ROW.c.id)
    .limit(_BATCH),
    row=AppPassword,
)
_UNNOTICED = Statement(
    _SELECT.where(
        *_IS_LIVE,
        or_(
            and_(
                bindparam("notice_since") >= _USED_OR_MADE_AT,
                or_(_ROW.c.noticed_at.is_(None), _ROW.c.noticed_at <= _USED_OR_MADE_AT),
            ),
            and_(
                bindparam("ends_until") >= _ROW.c.expires_at,
                _ROW.c.created_at < _ROW.c.expires_at - NOTICE_SECONDS,
                or_(_ROW.c.noticed_at.is_(None), _ROW.c.noticed_at < _ROW.c.expires_at - NOTICE_SECONDS),
            ),
        ),
    ).order_by(_ROW.c.subject, _ROW.c.id),
    row=AppPassword,
)
_NOTICED = Statement(
    update(_ROW).where(_ROW.c.id == bindparam("app_password")).values(noticed_at=bindparam("noticed"))
)


class TooManyAppPasswords(Exception):
    """The person has as many live app passwords as a person may have. Nothing was stored."""


class TooManyInADay(TooManyAppPasswords):
    """As many app passwords as a day allows were made for the person. Nothing was stored."""


class AppPasswordStore:
    """The app passwords in the database. Each that ends takes its grants with it, in one transaction."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
        """
        self._clock = clock

    def add(self, app_password: AppPassword, digest: bytes, event: AuditEvent) -> None:
        """Store a new app password and its audit row, in one transaction.

        Args:
            app_password: its values.
            digest: the SHA-256 of its text.
            event: the audit row; it gets the id of the app password.

        Raises:
            TooManyAppPasswords, TooManyInADay, StoreUnavailable: nothing was stored.
        """
        new, now = app_password, self._now()
        person = {"of_directory": new.directory, "of_subject": new.subject}
        row = {**new._asdict(), "networks": list(new.networks), "digest": digest}
        audited = replace(event, app_password_id=new.id.hex())
        with DriverConnection() as link:
            link.begin()
            if link.dialect.name != "sqlite":
                link.all(_LOCK, {"of_subject": new.subject})
            since = {"unused_since": now - UNUSED_SECONDS, "a_day_ago": now - _DAY}
            (count,) = link.all(_COUNT, {**person, "now": now, **since})
            if count["live"] >= MAX_APP_PASSWORDS:
                raise TooManyAppPasswords
            if count["made"] >= MAX_MADE_IN_A_DAY:
                raise TooManyInADay
            link.run(_INSERT, row)
            link.run(_INSERT_AUDIT, audited.fields())
            link.commit()

    def find(self, digest: bytes) -> AppPassword | None:
        """The app password with this digest, live or not; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.first(_BY_DIGEST, {"digest": digest})

    def get(self, app_password_id: bytes) -> AppPassword | None:
        """The app password with this id, live or not; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.first(_BY_ID, {"app_password": app_password_id})

    def list_of(self, directory: str, subject: str) -> list[AppPassword]:
        """Every app password of a person, ended ones too until the purge, the newest first.

        Args:
            directory: the name of the directory that `subject` belongs to.
            subject: the person's stable id.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.all(_LIST, {"of_directory": directory, "of_subject": subject})

    def list_all(
        self, client_id: str | None, limit: int, *, subjects: Sequence[str] | None = None
    ) -> tuple[list[AppPassword], bool]:
        """The newest live app passwords, and whether there are more than `limit`.

        Args:
            client_id: only those of this client, if given.
            limit: how many.
            subjects: only those of these people, if given.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        now = self._now()
        chosen = _NEWEST_FIRST.where(*_IS_LIVE).limit(limit + 1)
        if client_id is not None:
            chosen = chosen.where(_ROW.c.client_id == client_id)
        if subjects is not None:
            chosen = chosen.where(_ROW.c.subject.in_(subjects))
        with connection() as link:
            rows = link.execute(chosen, {"now": now, "unused_since": now - UNUSED_SECONDS}).all()
        found = [AppPassword(*row) for row in rows]
        return found[:limit], len(found) > limit

    def end(self, app_password_id: bytes, reason: str, event: AuditEvent) -> bool:
        """End an app password with every grant that it gave, in one transaction.

        Args:
            app_password_id: which.
            reason: why, a constant word.
            event: the audit row; it gets the id, the client and the person of the app password.

        Returns:
            False if it had ended already, or there is none.

        Raises:
            StoreUnavailable: nothing has ended.
        """
        with DriverConnection() as link:
            ended = end_one(link, app_password_id, reason, at=event.at)
            link.commit()
        if ended is None:
            return False
        # The end stands, whether or not its audit row can be stored.
        record_after(_audited(ended, event))
        return True

    def end_all(
        self, directory: str, subject: str, reason: str, event: AuditEvent, *, client_id: str | None = None
    ) -> int:
        """End every app password of a person, or those for one client; return how many ended.

        Args:
            directory: the name of the directory that `subject` belongs to.
            subject: the person's stable id.
            reason: why, a constant word.
            event: the audit row of each.
            client_id: only those of this client, if given.

        Raises:
            StoreUnavailable: nothing has ended.
        """
        person = {"of_directory": directory, "of_subject": subject}
        if client_id is None:
            return self._end_each(OF_PERSON, person, reason, event)
        return self._end_each(OF_PERSON_AT_CLIENT, {**person, "of_client": client_id}, reason, event)

    def end_all_of_client(self, client_id: str, reason: str, event: AuditEvent) -> int:
        """End every app password of a client; return how many ended.

        Args:
            client_id: the client.
            reason: why, a constant word.
            event: the audit row of each.

        Raises:
            StoreUnavailable: nothing has ended.
        """
        return self._end_each(OF_CLIENT, {"of_client": client_id}, reason, event)

    def end_due(self, now: int, unused_for: int = UNUSED_SECONDS) -> list[AppPassword]:
        """End the app passwords that have expired or fallen into disuse, each in a transaction of its own.

        Args:
            now: seconds since the epoch.
            unused_for: seconds without a use after which one ends.

        Returns:
            Those that ended, as they are now.

        Raises:
            StoreUnavailable: those that have not ended end at the next call.
        """
        done: list[AppPassword] = []
        due = {"now": now, "unused_since": now - unused_for}
        while True:
            with DriverConnection(alone=True) as link:
                over = link.all(_OVER, due)
            for each in over:
                reason = EXPIRED if each.expires_at <= now else UNUSED
                event = AuditEvent(event=ENDED, at=now, reason=reason)
                with DriverConnection() as link:
                    ended = end_one_if_over(link, each.id, reason, at=now, unused_for=unused_for)
                    if ended is not None:
                        link.run(_INSERT_AUDIT, _audited(ended, event).fields())
                        done.append(ended.app_password)
                    link.commit()
            if len(over) < _BATCH:
                return done

    def notices_due(self, now: int, *, unused_for: int = UNUSED_SECONDS) -> list[AppPassword]:
        """The live app passwords that end within 14 days, and whose owners were not told yet.

        One that was made for 14 days or less is no news to its owner, unless it ends for disuse.

        Args:
            now: seconds since the epoch.
            unused_for: seconds without a use after which one ends.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        unused_since = now - unused_for
        values = {
            "now": now,
            "unused_since": unused_since,
            "notice_since": unused_since + NOTICE_SECONDS,
            "ends_until": now + NOTICE_SECONDS,
        }
        with DriverConnection(alone=True) as link:
            return link.all(_UNNOTICED, values)

    def noticed(self, app_password_id: bytes, at: int) -> None:
        """Note that the owner was told, at `at` in seconds since the epoch.

        Raises:
            StoreUnavailable: it was not noted.
        """
        with DriverConnection() as link:
            link.run(_NOTICED, {"app_password": app_password_id, "noticed": at})
            link.commit()

    def _end_each(
        self, which: Statement[dict[str, Any]], of: Mapping[str, str], reason: str, event: AuditEvent
    ) -> int:
        with DriverConnection() as link:
            ended = end_each(link, which, of, reason, at=event.at)
            if ended:
                link.commit()
        for each in ended:
            record_after(_audited(each, event))
        return len(ended)

    def _now(self) -> int:
        return int(self._clock())


def end_event(ended: AppPassword, now: int) -> AuditEvent:
    """The event of an app password that `end_due` ended, for the log.

    Args:
        ended: as `end_due` returned it.
        now: seconds since the epoch.
    """
    return AuditEvent(
        event=ENDED,
        at=now,
        client_id=ended.client_id,
        subject=ended.subject,
        reason=ended.end_reason,
        app_password_id=ended.id.hex(),
    )


def _audited(ended: EndedAppPassword, event: AuditEvent) -> AuditEvent:
    """The audit row of one app password that ended."""
    app_password, grants = ended
    of_this = replace(
        event,
        client_id=app_password.client_id,
        subject=app_password.subject,
        app_password_id=app_password.id.hex(),
    )
    return of_this.with_count(f"{grants} grants") if grants else of_this
