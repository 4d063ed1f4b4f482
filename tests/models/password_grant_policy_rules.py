"""Policies of the password grant: changed in steps, undone one by one, never half."""

import threading
from typing import cast

import pytest

from models import (
    DEFAULT_POLICY,
    PasswordGrantPolicy,
    PasswordGrantPolicyStore,
    PolicyChangedMeanwhile,
    Registration,
    StoreUnavailable,
)
from telemetry import Actor
from tests.fakes import OPERATOR
from tests.models.app_password_rules import run_together
from tests.models.stores import Stores

ENDS = PasswordGrantPolicy(announced_at=5, ends_at=99, brown_outs=((7, 8), (20, 30)))
ONLY = ENDS._replace(app_passwords="only", closed_to_new_people_at=6)
BATCH = bytes(16)
WHY = Actor("admin", "announced in the senate")


def client(stores: Stores, name: str = "a program") -> str:
    """A registered client."""
    return stores.register(name)[0]


def policy_of(stores: Stores, client_id: str) -> PasswordGrantPolicy:
    """The policy as another process reads it."""
    found = stores.clients.get(client_id)
    assert found is not None
    return found.password_grant


def store_of(stores: Stores) -> PasswordGrantPolicyStore:
    """The store of policies."""
    return PasswordGrantPolicyStore(stores.clock, stores.clients.recent)


class PasswordGrantPolicyRules:
    """Policies of clients in the database."""

    @pytest.mark.parametrize("policy", [DEFAULT_POLICY, ENDS, ONLY, PasswordGrantPolicy(off_at=1)])
    def test_policy_survives_its_storage(self, stores: Stores, policy: PasswordGrantPolicy) -> None:
        """A client is read with the policy that was stored; without one it has the default policy."""
        client_id = client(stores)
        assert policy_of(stores, client_id) == DEFAULT_POLICY
        store_of(stores).apply({client_id: policy}, BATCH, WHY, [])
        assert policy_of(stores, client_id) == policy
        assert PasswordGrantPolicy.from_json({**(policy.json() or {}), "later": 1}) == policy

    def test_step_is_kept_with_who_and_why(self, stores: Stores) -> None:
        """The client, its step and the audit rows are one transaction."""
        client_id = client(stores)
        event = stores.audit("password_grant.set", client_id=client_id)
        with stores.counted_commits() as commits:
            store_of(stores).apply({client_id: ENDS}, BATCH, WHY, [event])
        assert len(commits) == 1
        (step,) = store_of(stores).steps(client_id, 5)
        assert (step.before, step.after, step.at, step.batch) == (DEFAULT_POLICY, ENDS, stores.now, BATCH)
        assert (step.actor, step.actor_reason, step.undone_at) == ("admin", "announced in the senate", None)
        assert [row["event"] for row in stores.rows("audit_event")] == ["password_grant.set"]

    def test_same_policy_is_no_step(self, stores: Stores) -> None:
        """A client that has the policy already gets no step, so that an undo undoes something."""
        client_id = client(stores)
        for _ in range(2):
            store_of(stores).apply({client_id: ENDS}, BATCH, WHY, [])
        assert len(store_of(stores).steps(client_id, 5)) == 1

    @pytest.mark.parametrize("wrong", ["unknown", "nul\0", "audit", "before"])
    def test_failed_change_stores_nothing(self, stores: Stores, wrong: str) -> None:
        """An unknown client, a changed policy or a failed audit row leaves every client as it was."""
        one, two = client(stores), client(stores, "b program")
        events = [stores.audit(cast("str", None))] if wrong == "audit" else []
        changes = {one: ENDS, two: ENDS}
        if wrong in {"unknown", "nul\0"}:
            changes[f"zz-{wrong}"] = ENDS
        before = {one: DEFAULT_POLICY, two: ONLY} if wrong == "before" else None
        with pytest.raises((KeyError, PolicyChangedMeanwhile, StoreUnavailable)) as raised:
            store_of(stores).apply(changes, BATCH, WHY, events, before=before)
        if isinstance(raised.value, PolicyChangedMeanwhile):
            assert raised.value.client_ids == [two]
        assert policy_of(stores, one) == policy_of(stores, two) == DEFAULT_POLICY
        assert store_of(stores).steps(None, 5) == []

    def test_steps_are_undone_from_the_last(self, stores: Stores) -> None:
        """Each undo takes back one step, until there is none."""
        client_id, store = client(stores), store_of(stores)
        event = stores.audit("password_grant.undone")
        for policy in (ENDS, ONLY):
            store.apply({client_id: policy}, BATCH, WHY, [])
        assert store.undo(client_id, OPERATOR, event) == ENDS == policy_of(stores, client_id)
        assert store.undo(client_id, OPERATOR, event) == DEFAULT_POLICY == policy_of(stores, client_id)
        assert store.undo(client_id, OPERATOR, event) is None
        assert [step.undone_at for step in store.steps(client_id, 5)] == [stores.now, stores.now]
        rows = stores.rows("audit_event")
        assert [(row["client_id"], row["actor"]) for row in rows] == [(client_id, OPERATOR.name)] * 2
        with pytest.raises(KeyError):
            store.undo("nobody", OPERATOR, event)

    def test_batch_is_undone_but_for_clients_with_a_later_step(self, stores: Stores) -> None:
        """`undo --all` takes back one change of many clients; a later step of one of them stays."""
        one, two, store = client(stores), client(stores, "b program"), store_of(stores)
        event = stores.audit("password_grant.undone")
        assert store.last_batch() is None
        store.apply({one: ENDS, two: ENDS}, BATCH, WHY, [])
        assert store.last_batch() == BATCH
        store.apply({two: ONLY}, b"2" * 16, WHY, [])
        assert store.last_batch() == b"2" * 16
        assert store.undo_batch(BATCH, OPERATOR, event) == {one: DEFAULT_POLICY}
        assert (policy_of(stores, one), policy_of(stores, two)) == (DEFAULT_POLICY, ONLY)
        assert store.undo_batch(b"3" * 16, OPERATOR, event) == {}

    def test_last_step_of_each_client_is_found(self, stores: Stores) -> None:
        """Undone steps are passed over; a client without another step is not in it."""
        store, first, second = store_of(stores), client(stores, "first"), client(stores, "second")
        client(stores, "third")
        store.apply({first: ENDS, second: ENDS}, BATCH, WHY, [])
        store.apply({first: ONLY}, bytes(15) + b"1", WHY, [])
        assert {each: step.after for each, step in store.last_steps().items()} == {first: ONLY, second: ENDS}
        event = stores.audit("password_grant.undone")
        store.undo(first, WHY, event)
        store.undo(second, WHY, event)
        assert {each: step.after for each, step in store.last_steps().items()} == {first: ENDS}

    def test_change_is_visible_to_requests_at_once(self, stores: Stores) -> None:
        """This process forgets what it had cached of the client."""
        client_id = client(stores)
        assert stores.clients.recent.get(client_id) is not None
        store_of(stores).apply({client_id: ENDS}, BATCH, WHY, [])
        found = stores.clients.recent.get(client_id)
        assert found is not None
        assert found.password_grant == ENDS

    def test_steps_go_with_their_client(self, stores: Stores) -> None:
        """A deleted client leaves no step that a later client of the same id could be set back to."""
        client_id = client(stores)
        store_of(stores).apply({client_id: ENDS}, BATCH, WHY, [])
        stores.clients.delete(client_id, actor=OPERATOR)
        assert stores.rows("password_grant_step") == []

    def test_new_client_has_the_default_policy(self, stores: Stores) -> None:
        """Nothing is stored for a client without a policy."""
        made, _ = stores.clients.create(Registration(client_name="new"), actor=OPERATOR)
        assert made.password_grant == DEFAULT_POLICY
        assert [row["password_grant"] for row in stores.rows("client")] == [None]

    def test_of_two_changes_at_once_one_is_refused(self, stores: Stores) -> None:
        """Two operators who start from the same policy cannot overwrite each other."""
        client_id, outcomes = client(stores), list[str]()

        def change() -> None:
            new = ENDS._replace(ends_at=100 + threading.get_ident() % 1_000_000)
            try:
                store_of(stores).apply({client_id: new}, BATCH, WHY, [], before={client_id: DEFAULT_POLICY})
            except PolicyChangedMeanwhile:
                outcomes.append("refused")
            else:
                outcomes.append("stored")

        run_together(stores, threading.Barrier(3), change, change, change)
        assert sorted(outcomes) == ["refused", "refused", "stored"]
        assert len(store_of(stores).steps(client_id, 9)) == 1
