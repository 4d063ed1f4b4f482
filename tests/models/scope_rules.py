"""What every database must do with the catalogue of scopes."""

import pytest

from models import Scope, ScopeExists, ScopeStore, StoreUnavailable
from telemetry import AuditEvent
from tests.conftest import NOON
from tests.models.stores import Place, Stores

PAYROLL = Scope("payroll", "Pay slips", ("group:cn=payröll,ou=groups,dc=campus", "affiliation:staff"))
CREATED, CHANGED, DELETED = (
    AuditEvent(event=f"scope.{what}", at=NOON) for what in ("created", "updated", "deleted")
)


class ScopeRules:
    """Keeping scopes and their rules."""

    def test_scope_is_read_back(self, stores: Stores) -> None:
        """A scope comes back with its rules in their order, and the catalogue is in order of names."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        assert catalogue.list() == [Scope("grades", "", ()), PAYROLL]

    def test_name_is_taken_once(self, stores: Stores) -> None:
        """A second scope of the same name is refused, and the first stays as it was."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        with pytest.raises(ScopeExists):
            catalogue.create(Scope("payroll"), CREATED)
        catalogue.create(Scope("Payroll"), CREATED)
        assert catalogue.list()[-1] == PAYROLL
        assert len(catalogue.list()) == 2

    def test_scope_is_replaced(self, stores: Stores) -> None:
        """A change of a scope leaves the others alone."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        catalogue.update("payroll", {"description": "Pay", "needs": ()}, CHANGED)
        assert catalogue.list() == [Scope("grades"), Scope("payroll", "Pay")]

    def test_scope_goes(self, stores: Stores) -> None:
        """A scope that was deleted is gone, alone."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        catalogue.delete("payroll", DELETED)
        assert catalogue.list() == [Scope("grades")]

    def test_unknown_scope_is_no_scope(self, stores: Stores) -> None:
        """What is not in the catalogue can be neither changed nor deleted."""
        with pytest.raises(KeyError):
            ScopeStore().update("payroll", {"description": "Pay"}, CHANGED)
        with pytest.raises(KeyError):
            ScopeStore().delete("payroll", DELETED)

    def test_catalogue_that_cannot_be_read(self, stores: Stores, place: Place) -> None:
        """A database that is away is trouble of the database, and not an empty catalogue."""
        with place.away(), pytest.raises(StoreUnavailable):
            ScopeStore().list()
