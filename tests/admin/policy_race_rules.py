"""Two operators who change policies of the password grant at the same time."""

from collections.abc import Callable
from threading import Barrier

import pytest

from admin.clients import find_client
from admin.operation import Services
from admin.password_grant import policies
from admin.password_grant.policies import (
    ChangedMeanwhile,
    PolicyStep,
    list_statuses,
    set_policy,
    undo_policy,
)
from admin.password_grant.policy_change import PolicyChange
from models import DEFAULT_POLICY, Client, PasswordGrantPolicyStore, PasswordGrantStep
from telemetry import Actor
from tests.admin.conftest import Office

CLIENT, OTHER = "Library", "Archive"
ACTOR = Actor("operator")


def step(office: Office, *names: str, **change: object) -> Callable[[], object]:
    """A step of clients."""
    wanted = PolicyChange(**change)  # type: ignore[arg-type]
    return lambda: set_policy(office.services, names, wanted, actor=ACTOR)


class PolicyRaceRules:
    """Neither step is lost, and no policy is a mixture of two that were each checked alone."""

    @pytest.fixture(autouse=True)
    def both_read_first(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both operators read their last client before either of them stores a step."""
        for name in (CLIENT, OTHER):
            office.stores.register(name, grant_types=("password",))
        line = Barrier(2)

        def find(services: Services, name: str) -> Client:
            client = find_client(services, name)
            if name == CLIENT:
                line.wait(10)
            return client

        monkeypatch.setattr(policies, "find_client", find)

    def test_of_two_steps_one_is_refused_whole(self, office: Office) -> None:
        """The second operator looks again; a step for several clients changes none of them."""
        results = office.at_once(
            step(office, OTHER, CLIENT, off=True), step(office, CLIENT, app_passwords="only")
        )
        refused = [isinstance(each, ChangedMeanwhile) for each in results]
        assert sorted(refused) == [False, True]
        library, archive = (find_client(office.services, name).password_grant for name in (CLIENT, OTHER))
        if refused[0]:
            assert (library, archive) == (DEFAULT_POLICY._replace(app_passwords="only"), DEFAULT_POLICY)
        else:
            assert (
                library
                == archive
                == DEFAULT_POLICY._replace(off_at=office.services.now, announced_at=office.services.now)
            )
        assert len(office.rows("password_grant_step")) == len(office.events()) == (1 if refused[0] else 2)

    def test_step_is_undone_once(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two operators who undo the same step do not undo the one before it too."""
        services = office.services
        policies.apply_steps(services, [self._to(services, app_passwords="only")], actor=ACTOR)
        policies.apply_steps(services, [self._to(services, off_at=services.now)], actor=ACTOR)
        line, last_steps = Barrier(2), PasswordGrantPolicyStore.last_steps

        def both_look_first(store: PasswordGrantPolicyStore) -> dict[str, PasswordGrantStep]:
            steps = last_steps(store)
            line.wait(10)
            return steps

        undo = lambda: undo_policy(services, CLIENT, actor=ACTOR)  # noqa: E731
        with monkeypatch.context() as patch:
            patch.setattr(PasswordGrantPolicyStore, "last_steps", both_look_first)
            results = office.at_once(undo, undo)
        assert sorted(type(each).__name__ for each in results) == ["ChangedMeanwhile", "PolicyStep"]
        (status,) = [each for each in list_statuses(services) if each.client.client_name == CLIENT]
        assert status.client.password_grant == DEFAULT_POLICY._replace(app_passwords="only")

    @staticmethod
    def _to(services: Services, **changes: object) -> PolicyStep:
        client = find_client(services, CLIENT)
        before = client.password_grant
        return PolicyStep(client=client, before=before, after=before._replace(**changes))  # type: ignore[arg-type]
