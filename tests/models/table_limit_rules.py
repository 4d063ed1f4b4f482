"""Every database bounds the tables that anyone on the network can fill."""

from secrets import token_bytes

from models import Base, DeviceStore, RequestStore
from models.authorizations.request_store import AT_BROWSERS
from models.authorizations.table_limit import TableLimit
from tests.models.stores import Place, Stores

REQUESTS, DEVICES = (Base.metadata.tables[name] for name in ("authorization_request", "device_code"))


class TableLimitRules:
    """Floods of requests without a password."""

    def test_flood_of_requests_pushes_out_the_oldest(self, stores: Stores) -> None:
        """At the limit, a new request at a browser takes the place of the oldest; pushed ones stay."""
        requests = RequestStore(
            stores.clock, TableLimit(REQUESTS, 10, counted=AT_BROWSERS, is_due=lambda: True)
        )
        pushed = token_bytes(32)
        requests.add(pushed, "pushed", "a-client", {}, stores.now + 60)
        keys = [token_bytes(32) for _ in range(30)]
        for key in keys:
            stores.clock.now += 1
            requests.add(key, "browser", None, {}, stores.now + 86_400)
        assert [requests.find(key, "browser") is not None for key in keys] == [False] * 20 + [True] * 10
        assert requests.find(pushed, "pushed") is not None

    def test_flood_of_logouts_pushes_out_no_sign_in(self, stores: Stores) -> None:
        """Requests for a logout count too, and go before the sign-ins, which live longer."""
        requests = RequestStore(
            stores.clock, TableLimit(REQUESTS, 10, counted=AT_BROWSERS, is_due=lambda: True)
        )
        sign_in = token_bytes(32)
        requests.add(sign_in, "browser", None, {}, stores.now + 86_400)
        for _ in range(30):
            stores.clock.now += 1
            requests.add(token_bytes(32), "logout", None, {}, stores.now + 3600)
        assert requests.find(sign_in, "browser") is not None
        assert len(stores.rows("authorization_request")) == 10

    def test_expired_rows_go_without_a_purge(self, stores: Stores) -> None:
        """Between two purges, expired requests and device codes do not pile up."""
        requests = RequestStore(stores.clock, TableLimit(REQUESTS, 10, is_due=lambda: True))
        devices = DeviceStore(stores.clock, TableLimit(DEVICES, 10, kept_seconds=3600, is_due=lambda: True))
        for _ in range(3):
            requests.add(token_bytes(32), "pushed", "a-client", {}, stores.now + 60)
            devices.add(
                token_bytes(32),
                token_bytes(32),
                "a-client",
                scope="",
                audience=None,
                address="192.0.2.7",
                expires_at=stores.now + 600,
            )
            stores.clock.now += 4200
        assert [len(stores.rows(name)) for name in ("authorization_request", "device_code")] == [1, 1]

    def test_most_inserts_do_not_look(self, stores: Stores) -> None:
        """An insert costs one transaction; one in 256 looks at the table too."""
        requests = RequestStore(stores.clock, TableLimit(REQUESTS, 0, is_due=lambda: False))
        with stores.counted_commits() as commits:
            for _ in range(5):
                requests.add(token_bytes(32), "browser", None, {}, stores.now + 60)
        assert len(commits) == 5

    def test_request_is_stored_though_the_look_fails(self, hurried: Stores, place: Place) -> None:
        """The limit is best effort: a table that is locked meanwhile costs no sign-in."""
        limit = TableLimit(REQUESTS, 0, is_due=lambda: True)
        with place.held():
            limit.keep(hurried.now)
