"""Every database raises StoreUnavailable if it cannot do what is asked."""

from collections.abc import Callable
from typing import cast

import pytest

from login.ports import AttemptKey, Outcome
from models import (
    FailureStore,
    RefreshToken,
    RefusedPasswordStore,
    Registration,
    Selection,
    StoreUnavailable,
    end_grants,
    is_current,
    list_grants,
    people_at_cap,
    purge,
    record,
    secret_key_ids,
    signing_key_ids,
    subjects_of,
)
from tests.fakes import OPERATOR
from tests.models.stores import Place, Stores

ATTEMPT = AttemptKey(b"\0" * 16, "anyone", "192.0.2.1")
UNKNOWN = RefreshToken(
    grant_id=b"\0" * 19,
    generation=0,
    issued_at=0,
    expires_at=0,
    used_at=None,
    access_scope=None,
    access_audience=None,
    client_id="anyone",
    subject=None,
    sub=None,
    net_id=None,
    scope="profile",
    audience=None,
    private=False,
    released_claims=None,
    password_changed_at=None,
    auth_time=0,
    grant_expires_at=0,
    revoked_at=None,
)
READS: dict[str, Callable[[Stores], object]] = {
    "get": lambda stores: stores.clients.get("anyone"),
    "list": lambda stores: stores.clients.list(),
    "find_access_token": lambda stores: stores.grants.find_access_token(b"\0" * 38),
    "find": lambda stores: stores.refreshes.find(b"\0" * 38),
    "secret_key_ids": lambda stores: secret_key_ids(stores.now),
    "signing_key_ids": lambda stores: signing_key_ids(stores.now),
    "is_current": lambda _: is_current(),
    "list_grants": lambda stores: list_grants(Selection(), stores.now, limit=1),
    "subjects_of": lambda _: subjects_of("alice"),
    "people_at_cap": lambda stores: people_at_cap(1, stores.now),
    "look": lambda _: FailureStore().look(b"\0" * 16, "nobody", 0),
    "refused": lambda stores: RefusedPasswordStore().of("nobody", stores.now),
    "end_grants": lambda stores: end_grants(Selection(subjects=["nobody"]), stores.audit(), stores.now),
}
WRITES: dict[str, Callable[[Stores], object]] = {
    "create": lambda stores: stores.clients.create(Registration(client_name="another"), actor=OPERATOR),
    "update": lambda stores: stores.clients.update(_only(stores), {"owner": "me"}, actor=OPERATOR),
    "rotate_secret": lambda stores: stores.clients.rotate_secret(
        _only(stores), old_not_after=stores.now, actor=OPERATOR
    ),
    "retire_secret": lambda stores: stores.clients.retire_secret(_only(stores), 1, actor=OPERATOR),
    "disable": lambda stores: stores.clients.disable(_only(stores), actor=OPERATOR),
    "delete": lambda stores: stores.clients.delete(_only(stores), actor=OPERATOR),
    "issue": lambda stores: stores.issue(),
    "revoke_access_token": lambda stores: stores.grants.revoke_access_token(b"\0" * 38, stores.audit()),
    "revoke_refresh_token": lambda stores: stores.grants.revoke_refresh_token(b"\0" * 38, stores.audit()),
    "revoke_grant": lambda stores: stores.grants.revoke_grant(b"\0" * 19, stores.audit()),
    "rotate": lambda stores: stores.rotate(b"\0" * 38, UNKNOWN),
    "keep": lambda stores: stores.keep(b"\0" * 38, UNKNOWN),
    "revoke_client": lambda stores: stores.grants.revoke_client("anyone"),
    "record": lambda stores: record(stores.audit()),
    "failure": lambda stores: FailureStore().record(stores.now, ATTEMPT, Outcome("locked")),
    "settle": lambda _: FailureStore().settle(1, Outcome("locked")),
    "forget": lambda _: FailureStore().forget(1),
    "clear": lambda _: FailureStore().clear(["nobody"], 0),
    "remember": lambda stores: RefusedPasswordStore().remember("nobody", "anyone", b"tag1", b"", stores.now),
    "forget_refused": lambda _: RefusedPasswordStore().forget("nobody"),
    "purge": lambda stores: purge(stores.now),
}


class UnavailabilityRules:
    """`StoreUnavailable`, and nothing else, for every trouble of a database."""

    def test_every_call_fails_while_the_database_is_away(self, stores: Stores, place: Place) -> None:
        """Every call raises StoreUnavailable, and works once the database is back."""
        stores.register()
        calls = {**READS, **WRITES}
        with place.away():
            assert _unavailable(stores, calls) == set(calls)
        assert _unavailable(stores, calls) == set()

    def test_every_call_fails_before_the_migrations(self, bare: Stores) -> None:
        """Every call raises StoreUnavailable, except those that ask about the tables."""
        calls = {**READS, **WRITES}
        assert _unavailable(bare, calls) == set(calls) - {"secret_key_ids", "signing_key_ids", "is_current"}

    @pytest.mark.slow
    def test_writes_fail_while_another_program_holds_the_tables(self, hurried: Stores, place: Place) -> None:
        """Every write gives up, and works afterwards."""
        hurried.register()
        with place.held():
            assert _unavailable(hurried, WRITES) == set(WRITES)
        assert _unavailable(hurried, WRITES) == set()

    def test_cause_holds_no_parameter(self, stores: Stores) -> None:
        """The cause of a refused row names the reason, and no value of the row."""
        first = stores.issue()
        event = stores.audit(cast("str", None), subject="subject-of-alice", address="192.0.2.7")
        causes = []
        for refused in ({"event": event}, {"keys": (first.access, first.refresh)}):
            with pytest.raises(StoreUnavailable) as caught:
                stores.issue("a-client-of-hers", **refused)
            causes.append(str(caught.value))
        logged = " ".join(causes)
        assert "IntegrityError" in logged
        for value in ("subject-of-alice", "192.0.2.7", "a-client-of-hers", "Ålice", first.access.hex()):
            assert value not in logged

    def test_log_of_statements_holds_no_parameter(
        self, stores: Stores, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log of statements, when turned on, shows no value."""
        with caplog.at_level("INFO", logger="sqlalchemy.engine"):
            stores.issue("a-client-of-hers")
        assert "INSERT INTO audit_event" in caplog.text
        assert "a-client-of-hers" not in caplog.text

    def test_cause_is_one_line(self, stores: Stores, place: Place) -> None:
        """The cause fits on one line of the log."""
        with place.away(), pytest.raises(StoreUnavailable) as caught:
            stores.clients.list()
        assert caught.value.cause == str(caught.value)
        assert len(caught.value.cause.splitlines()) == 1

    def test_failed_calls_return_their_connections(self, hurried: Stores, place: Place) -> None:
        """Every failed call returns its connection to the pool."""
        with place.held():
            for _ in range(20):
                assert _unavailable(hurried, {"record": WRITES["record"]}) == {"record"}
        assert "Current Checked out connections: 0" in hurried.engine.pool.status()


def _only(stores: Stores) -> str:
    """The id of the only client, or of none where the database cannot tell."""
    return next((client.client_id for client in stores.clients.list()), "nobody")


def _unavailable(stores: Stores, calls: dict[str, Callable[[Stores], object]]) -> set[str]:
    """The names of the calls that raised `StoreUnavailable`."""
    failed = set()
    for name, call in calls.items():
        try:
            call(stores)
        except StoreUnavailable:
            failed.add(name)
    return failed
