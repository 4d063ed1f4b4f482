"""Every database keeps the catalogue of scopes in the same way."""

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
    """Storing scopes and their rules."""

    def test_scope_is_read_back(self, stores: Stores) -> None:
        """A scope is read back with its rules in order; the catalogue is sorted by name."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        assert catalogue.list() == [Scope("grades", "", ()), PAYROLL]

    def test_second_scope_of_a_name_is_refused(self, stores: Stores) -> None:
        """A second scope of the same name is refused, and the first stays unchanged."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        with pytest.raises(ScopeExists):
            catalogue.create(Scope("payroll"), CREATED)
        catalogue.create(Scope("Payroll"), CREATED)
        assert catalogue.list()[-1] == PAYROLL
        assert len(catalogue.list()) == 2

    def test_change_of_a_scope_leaves_others(self, stores: Stores) -> None:
        """A change of a scope leaves the others unchanged."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        catalogue.update("payroll", {"description": "Pay", "needs": ()}, CHANGED)
        assert catalogue.list() == [Scope("grades"), Scope("payroll", "Pay")]

    def test_only_the_deleted_scope_is_gone(self, stores: Stores) -> None:
        """A deletion deletes one scope only."""
        catalogue = ScopeStore()
        catalogue.create(PAYROLL, CREATED)
        catalogue.create(Scope("grades"), CREATED)
        catalogue.delete("payroll", DELETED)
        assert catalogue.list() == [Scope("grades")]

    def test_unknown_scope_cannot_be_changed_or_deleted(self, stores: Stores) -> None:
        """A scope that is not in the catalogue raises KeyError."""
        with pytest.raises(KeyError):
            ScopeStore().update("payroll", {"description": "Pay"}, CHANGED)
        with pytest.raises(KeyError):
            ScopeStore().delete("payroll", DELETED)

    def test_unreadable_catalogue_is_not_empty(self, stores: Stores, place: Place) -> None:
        """If the database is away, the catalogue raises StoreUnavailable instead of looking empty."""
        with place.away(), pytest.raises(StoreUnavailable):
            ScopeStore().list()
