"""A use case and its audit row are one transaction: neither is stored without the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from admin.client_import import import_clients
from admin.clients import create_client, disable_client, retire_secret, rotate_secret, update_client
from admin.grants import plan_revocation, revoke_grants
from admin.operation import Services
from admin.password_grant.policies import set_policy, undo_policy
from admin.password_grant.policy_change import PolicyChange
from admin.people import PersonLookup, unblock_person
from admin.scopes import create_scope, delete_scope, update_scope
from admin.sessions import log_person_out
from admin.signing_keys import reencrypt_all, rotate_signing_keys
from login.ports import AttemptKey, Outcome
from models import (
    Encryptor,
    FailureStore,
    NewSigningKey,
    PersistentSecrets,
    Scope,
    SigningKeyStore,
    StoreUnavailable,
)
from settings.keyring import KeyRing
from telemetry import Actor
from tests.admin.conftest import Office
from tests.models.stores import Issued

ACTOR = Actor("carol", "ticket 4711")
CLIENT, CLOSED, SCOPE = "Library", "Archive", "grades"
THEIRS = '[{"client_id": "theirs", "client_secret": "a-secret-of-the-old-server-XyZ123"}]'


@dataclass(frozen=True)
class UseCase:
    """A use case, the table that it changes, its event, and its reason in the audit."""

    run: Callable[[Office], object]
    table: str
    event: str
    reason: str | None = None


USE_CASES = [
    UseCase(
        lambda office: create_client(office.services, "new", {}, actor=ACTOR), "client", "client.created"
    ),
    UseCase(
        lambda office: update_client(office.services, CLIENT, {"owner": "me"}, actor=ACTOR),
        "client",
        "client.updated",
        "owner",
    ),
    UseCase(lambda office: disable_client(office.services, CLIENT, actor=ACTOR), "client", "client.disabled"),
    UseCase(
        lambda office: rotate_secret(office.services, CLIENT, old_not_after=office.services.now, actor=ACTOR),
        "client_secret",
        "client.secret_rotated",
    ),
    UseCase(
        lambda office: retire_secret(office.services, CLIENT, 1, actor=ACTOR),
        "client_secret",
        "client.secret_retired",
        "secret 1",
    ),
    UseCase(
        lambda office: unblock_person(office.services, "alice", actor=ACTOR),
        "login_failure",
        "person.unblocked",
        "1 failures, 0 passwords",
    ),
    UseCase(
        lambda office: create_scope(office.services, Scope("payroll"), actor=ACTOR), "scope", "scope.created"
    ),
    UseCase(
        lambda office: update_scope(
            office.services, SCOPE, description="Marks", needs=["affiliation:staff"], actor=ACTOR
        ),
        "scope",
        "scope.updated",
        "description, needs",
    ),
    UseCase(lambda office: delete_scope(office.services, SCOPE, actor=ACTOR), "scope", "scope.deleted"),
    UseCase(lambda office: import_clients(office.services, THEIRS, actor=ACTOR), "client", "client.imported"),
    UseCase(
        lambda office: set_policy(office.services, [CLIENT], PolicyChange(off=True), actor=ACTOR),
        "password_grant_step",
        "password_grant.set",
        "off",
    ),
    UseCase(
        lambda office: undo_policy(office.services, CLOSED, actor=ACTOR),
        "password_grant_step",
        "password_grant.undone",
        "on",
    ),
]
EACH = pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.event)


REVOCATIONS = {
    "grants": lambda office, issued: revoke_grants(
        office.services,
        plan_revocation(office.services, grant_id=issued.grant_id.hex()),
        actor=ACTOR,
    ),
    "logout": lambda office, _: log_person_out(
        office.services, PersonLookup("alice", ["subject-of-alice"]), actor=ACTOR
    ),
}


def behind_a_new_server_key(office: Office) -> Services:
    """The services after the operator put a new server key in front of the one that encrypts everything."""
    ring = KeyRing(["a-new-server-key-of-this-one-test-Vq7", "the-server-key-before-it-Kd2mX8wRz4"])
    making, keeping = (
        [(key.key_id, key.key) for key in ring.derive(use)] for use in ("signing key", "kept secret")
    )
    key = NewSigningKey(kid="kid", alg="ES256", private_key=b"private", public_jwk={"kid": "kid"})
    SigningKeyStore(Encryptor(making[1:])).add_first(key, office.services.now)
    PersistentSecrets(Encryptor(keeping[1:]), office.services.clock).get("pairwise")
    persistent_secrets = PersistentSecrets(Encryptor(keeping), office.services.clock)
    return replace(office.services, ring=ring, persistent_secrets=persistent_secrets)


def prepare(office: Office) -> None:
    """Store what the use cases change. The audit is empty afterwards."""
    attempt = AttemptKey(office.services.login_names.digest("alice"), "script", "192.0.2.1")
    FailureStore().record(office.services.now, attempt, Outcome("wrong_password"))
    create_scope(office.services, Scope(SCOPE), actor=ACTOR)
    office.stores.register(CLOSED, grant_types=("password",))
    set_policy(office.services, [CLOSED], PolicyChange(off=True), actor=ACTOR)
    office.empty_audit()
    office.stores.register(CLIENT, grant_types=("password",))


class AtomicityRules:
    """Every change, with its row in the audit."""

    @EACH
    def test_change_has_an_audit_row_that_names_the_actor(self, office: Office, use_case: UseCase) -> None:
        """The audit row has the change and its operator."""
        prepare(office)
        use_case.run(office)
        (row,) = office.rows("audit_event")
        assert (row["event"], row["reason"], row["at"]) == (
            use_case.event,
            use_case.reason,
            office.services.now,
        )
        assert (row["actor"], row["actor_reason"]) == ("carol", "ticket 4711")

    @EACH
    def test_change_is_one_transaction(self, office: Office, use_case: UseCase) -> None:
        """The change and its audit row are committed together."""
        prepare(office)
        with office.stores.counted_commits() as commits:
            use_case.run(office)
        assert len(commits) == 1 + (use_case.event == "client.disabled")

    @EACH
    def test_change_is_not_stored_without_its_audit_row(self, office: Office, use_case: UseCase) -> None:
        """If the audit row cannot be stored, nothing is changed."""
        prepare(office)
        before = office.rows(use_case.table)
        with office.without_audit(), pytest.raises(StoreUnavailable):
            use_case.run(office)
        assert office.rows(use_case.table) == before

    @EACH
    def test_audit_row_is_not_stored_without_the_change(self, office: Office, use_case: UseCase) -> None:
        """If the change cannot be stored, the audit has no row for it."""
        prepare(office)
        with office.failing_writes(use_case.table), pytest.raises(StoreUnavailable, match="disk is full"):
            use_case.run(office)
        assert office.events() == []

    def test_reencryption_is_one_transaction(self, office: Office) -> None:
        """If one value cannot be stored under the new server key, none is, and the audit has no row."""
        services = behind_a_new_server_key(office)
        tables = ("signing_key", "persistent_secret", "audit_event")
        before = [office.rows(table) for table in tables]
        for failing in ("persistent_secret", "audit_event"):
            with office.failing_writes(failing), pytest.raises(StoreUnavailable):
                reencrypt_all(services, actor=ACTOR)
            assert [office.rows(table) for table in tables] == before
        assert (reencrypt_all(services, actor=ACTOR), reencrypt_all(services, actor=ACTOR)) == (2, 0)
        (row,) = office.rows("audit_event")
        assert (row["event"], row["reason"]) == ("key.reencrypted", "2 encrypted")

    def test_long_actor_is_cut_and_the_count_is_kept(self, office: Office) -> None:
        """Actor and reason fit their columns: on PostgreSQL a longer one would lose the row."""
        prepare(office)
        office.stores.issue()
        office.empty_audit()
        actor = Actor("a long name of a console " * 20, "a long story " * 40)
        unblock_person(office.services, "alice", actor=actor)
        rotate_signing_keys(office.services, "ES256", at_once=False, actor=actor)
        update_scope(office.services, SCOPE, description="Marks", actor=actor)
        update_client(office.services, CLIENT, {"owner": "me"}, actor=actor)
        import_clients(office.services, THEIRS, actor=actor)
        revoke_grants(office.services, plan_revocation(office.services, everyone=True), actor=actor)
        stored = office.rows("audit_event")
        assert [(len(row["actor"]), len(row["actor_reason"])) for row in stored] == [(255, 255)] * 6
        assert all(row["actor"].startswith("a long name of a console a") for row in stored)
        assert (stored[0]["reason"], stored[-1]["reason"]) == ("1 failures, 0 passwords", "everyone: 1 ended")

    @pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
    def test_revocation_stands_without_its_audit_row(
        self, office: Office, revoke: Callable[[Office, Issued], object]
    ) -> None:
        """A revocation is the exception: the tokens end even if the audit row cannot be stored."""
        issued = office.stores.issue()
        with office.without_audit():
            revoke(office, issued)
        assert not office.stores.lives(issued)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_keys_of_all_algorithms_change_in_one_transaction(self, office: Office, at_once: bool) -> None:  # noqa: FBT001
        """If the second key of a rotation cannot be stored, the first key is not changed either."""
        for alg in ("ES256", "RS256"):
            rotate_signing_keys(office.services, alg, at_once=False, actor=ACTOR)
        before, events = office.rows("signing_key"), office.events()
        with office.failing_writes("audit_event", after=1), pytest.raises(StoreUnavailable):
            rotate_signing_keys(office.services, None, at_once=at_once, actor=ACTOR)
        assert (office.rows("signing_key"), office.events()) == (before, events)
        with office.stores.counted_commits() as commits:
            rotate_signing_keys(office.services, None, at_once=at_once, actor=ACTOR)
        assert len(commits) == 1
        suffix = ", at once" if at_once else ""
        reasons = [row["reason"] for row in office.rows("audit_event")][-2:]
        assert reasons == [f"{alg}{suffix}" for alg in ("ES256", "RS256")]
