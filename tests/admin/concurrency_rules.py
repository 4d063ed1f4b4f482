"""Two simultaneous operators: no change is lost, and neither gets a wrong error."""

from collections.abc import Callable
from threading import Barrier, get_ident

import pytest

from admin import clients
from admin.client_import import ImportedClients, ImportRejected, import_clients
from admin.clients import UnknownClient, delete_client, find_client, offer, rotate_secret, update_client
from admin.operation import Services
from admin.scopes import ScopeTaken, create_scope, update_scope
from models import Client, Scope, ScopeStore
from oauth.clients.registration import mistakes
from telemetry import Actor
from tests.admin.conftest import Office

CLIENT = "Library"
ACTOR = Actor("operator")
THEIRS = '[{"client_id": "theirs", "client_secret": "a-secret-of-the-old-server-XyZ123"}]'


def update(office: Office, **changes: object) -> Callable[[], object]:
    """A change of the client."""
    return lambda: update_client(office.services, CLIENT, changes, actor=ACTOR)


class ConcurrencyRules:
    """Simultaneous changes of one client or one scope by two operators."""

    @pytest.fixture(autouse=True)
    def both_read_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both operators read the client before either of them changes it."""
        line, came = Barrier(2), set[int]()

        def find(services: Services, name: str) -> Client:
            client = find_client(services, name)
            if get_ident() not in came:
                came.add(get_ident())
                line.wait(10)
            return client

        monkeypatch.setattr(clients, "find_client", find)

    def test_flags_of_two_operators_are_both_stored(self, office: Office) -> None:
        """An operator who sets one flag does not undo another flag that was set at the same time."""
        office.stores.register(CLIENT)
        results = office.at_once(
            update(office, flags={"tolerant_scope": True}), update(office, flags={"id_token": True})
        )
        assert [type(each).__name__ for each in results] == ["UpdatedClient"] * 2
        assert find_client(office.services, CLIENT).flags == {"tolerant_scope": True, "id_token": True}

    def test_changes_that_are_valid_alone_cannot_be_invalid_together(self, office: Office) -> None:
        """Of two changes that contradict each other, the second is refused by the rules."""
        office.stores.register(CLIENT, scope="profile email")
        results = office.at_once(update(office, default_scope="email"), update(office, scope="profile"))
        assert sorted(type(each).__name__ for each in results) == ["InvalidRegistration", "UpdatedClient"]
        assert mistakes(find_client(office.services, CLIENT), offer(office.services)) == []

    def test_secrets_of_two_operators_both_work(self, office: Office) -> None:
        """Two simultaneous rotations make two secrets, each with its own number."""
        client_id, _ = office.stores.register(CLIENT)
        ends = office.services.now + 60
        results = office.at_once(
            *[lambda: rotate_secret(office.services, CLIENT, old_not_after=ends, actor=ACTOR)] * 2
        )
        assert [type(each).__name__ for each in results] == ["RotatedSecret"] * 2
        assert [each.serial for each in find_client(office.services, CLIENT).secrets] == [1, 2, 3]
        for rotated in results:
            assert isinstance(rotated, clients.RotatedSecret)
            assert office.stores.verifies(rotated.secret, client_id, office.services.clients)

    def test_client_is_deleted_once(self, office: Office) -> None:
        """The second operator gets the error that there is no such client."""
        office.stores.register(CLIENT)
        delete = lambda: delete_client(office.services, CLIENT, actor=ACTOR)  # noqa: E731
        results = office.at_once(delete, delete)
        assert sorted(type(each).__name__ for each in results) == ["Client", "UnknownClient"]
        assert office.events().count("client.deleted") == 1
        with pytest.raises(UnknownClient):
            find_client(office.services, CLIENT)

    def test_list_that_two_operators_import_is_imported_once(self, office: Office) -> None:
        """The second operator gets the error that the clients are registered already."""
        load = lambda: import_clients(office.services, THEIRS, actor=ACTOR)  # noqa: E731
        refused, imported = sorted(
            office.at_once(load, load), key=lambda each: isinstance(each, ImportedClients)
        )
        assert isinstance(imported, ImportedClients)
        assert isinstance(refused, ImportRejected)
        assert refused.sentences == ("Registered already: theirs. Nothing was imported.",)

    def test_scope_is_created_once(self, office: Office) -> None:
        """The second operator gets the error that the catalogue has the scope already."""
        create = lambda: create_scope(office.services, Scope("payroll"), actor=ACTOR)  # noqa: E731
        results = office.at_once(create, create)
        assert [isinstance(each, ScopeTaken) for each in results].count(True) == 1
        assert office.events() == ["scope.created"]

    def test_description_and_rules_of_two_operators_are_both_stored(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An operator who changes the description does not undo rules that were set at the same time."""
        create_scope(office.services, Scope("payroll"), actor=ACTOR)
        line, read = Barrier(2), ScopeStore.list

        def read_together(catalogue: ScopeStore) -> object:
            scopes = read(catalogue)
            line.wait(10)
            return scopes

        with monkeypatch.context() as patched:
            patched.setattr(ScopeStore, "list", read_together)
            office.at_once(
                lambda: update_scope(office.services, "payroll", description="Pay slips", actor=ACTOR),
                lambda: update_scope(office.services, "payroll", needs=["affiliation:staff"], actor=ACTOR),
            )
        assert ScopeStore().list() == [Scope("payroll", "Pay slips", ("affiliation:staff",))]
