"""Every database gives a refresh token one successor, whatever the concurrency."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast

import pytest

from models import NewToken, StoreUnavailable
from tests.models.stores import Stores

HOUR, DAY = 3600, 86_400
THREADS = 16


class RefreshRules:
    """Finding, rotating and ending a family (RFC 9700, 4.14.2)."""

    def test_look_up_returns_the_grant_of_a_refresh_token(self, stores: Stores) -> None:
        """A look-up returns all that a refresh decides by."""
        issued = stores.issue("a-client")
        found = stores.found(issued.refresh)
        assert found.is_live(stores.now)
        assert (found.grant_id, found.generation, found.used_at) == (issued.grant_id, 0, None)
        assert (found.client_id, found.subject, found.scope) == (
            "a-client",
            "subject-of-alice",
            "profile email",
        )
        assert (found.password_changed_at, found.grant_expires_at) == (stores.now - 99, stores.now + DAY)

    @pytest.mark.parametrize("ends", ["expires_at", "grant_expires_at"])
    def test_refresh_token_dies_at_its_second(self, stores: Stores, ends: str) -> None:
        """A refresh token is live until the second in which it, or its grant, expires."""
        found = stores.found(stores.issue().refresh)._replace(**{ends: stores.now + 1})  # type: ignore[arg-type]
        assert found.is_live(stores.now)
        assert not found.is_live(stores.now + 1)

    def test_first_access_token_may_have_a_part_of_the_audience(self, stores: Stores) -> None:
        """The grant keeps the whole audience for later refreshes (RFC 8707, 2.2)."""
        issued = stores.issue(of_grant={"audience": "https://a https://b"}, audience="https://a")
        access, refresh = stores.grants.find_access_token(issued.access), stores.found(issued.refresh)
        assert access is not None
        assert (access.audience, refresh.access_audience) == ("https://a", "https://a")
        assert refresh.audience == "https://a https://b"

    def test_unknown_refresh_token_is_none(self, stores: Stores) -> None:
        """An unknown key finds nothing; neither does the key of an access token."""
        issued = stores.issue()
        assert stores.refreshes.find(b"\0" * 38) is None
        assert stores.refreshes.find(issued.access) is None

    def test_rotation_stores_successors_audit_row_and_claims(self, stores: Stores) -> None:
        """A rotation uses the token, stores its successors and its audit row, and renews the claims."""
        issued = stores.issue()
        stores.clock.now += 10
        access, refresh = stores.key(stores.now + HOUR), stores.key(stores.now + DAY)
        assert stores.rotate(issued.refresh, stores.found(issued.refresh), keys=(access, refresh))
        used, successor = stores.found(issued.refresh), stores.found(refresh)
        assert (used.used_at, used.generation) == (stores.now, 0)
        assert (successor.used_at, successor.generation, successor.grant_id) == (None, 1, issued.grant_id)
        token = stores.grants.find_access_token(access)
        assert token is not None
        assert (token.scope, token.claims, token.issued_at) == ("profile", {"name": "Álice"}, stores.now)
        assert successor.scope == "profile email"
        assert [row["event"] for row in stores.rows("audit_event")] == ["token.issued", "token.refreshed"]

    def test_rotation_is_one_transaction(self, stores: Stores) -> None:
        """All of a rotation, including the secret's last use, is committed together."""
        client_id, _ = stores.register()
        issued = stores.issue(client_id)
        stores.clock.now += 10
        with stores.counted_commits() as commits:
            assert stores.rotate(issued.refresh, stores.found(issued.refresh), secret_used=(client_id, 1))
        assert len(commits) == 1
        assert [row["last_used_at"] for row in stores.rows("client_secret")] == [stores.now]

    def test_rotation_keeps_the_time_of_the_last_password_change(self, stores: Stores) -> None:
        """The time stays as it was at the login: a replica that lags behind may report an older one."""
        issued = stores.issue()
        before = stores.found(issued.refresh).password_changed_at
        assert stores.rotate(issued.refresh, stores.found(issued.refresh))
        assert stores.found(issued.refresh).password_changed_at == before

    def test_rotation_moves_the_end_of_the_grant_row(self, stores: Stores) -> None:
        """A grant's row stays until the last of its new tokens has ended."""
        issued = stores.issue()
        stores.clock.now += 10
        assert stores.rotate(issued.refresh, stores.found(issued.refresh))
        (grant,) = stores.rows("grant")
        assert (grant["live_until"], grant["expires_at"]) == (stores.now + DAY, stores.now - 10 + DAY)

    @pytest.mark.parametrize("last", ["access", "refresh", "audit"])
    def test_failed_insert_undoes_the_rotation(self, stores: Stores, last: str) -> None:
        """If one row cannot be stored, the token stays valid, and no successor exists."""
        issued = stores.issue()
        found, counts = stores.found(issued.refresh), stores.counts()
        ends = stores.now + DAY
        broken = {
            "access": {"access": NewToken(key=issued.access, expires_at=ends)},
            "refresh": {"refresh": NewToken(key=issued.refresh, expires_at=ends)},
            "audit": {"event": stores.audit(cast("str", None))},
        }[last]
        with pytest.raises(StoreUnavailable):
            stores.rotate(issued.refresh, found, **broken)  # type: ignore[arg-type]
        assert stores.found(issued.refresh) == found
        assert stores.counts() == counts
        assert stores.rows("grant")[0]["claims"] == {"name": "Ålice", "mail": "alice@campus.example"}
        assert stores.rotate(issued.refresh, found)

    def test_used_token_cannot_rotate_again(self, stores: Stores) -> None:
        """Of two rotations of the same token, the second changes nothing."""
        issued = stores.issue()
        found = stores.found(issued.refresh)
        assert stores.rotate(issued.refresh, found)
        counts = stores.counts()
        assert not stores.rotate(issued.refresh, found)
        assert stores.counts() == counts

    def test_revoked_grant_cannot_rotate(self, stores: Stores) -> None:
        """A grant that is revoked after the look-up gets no successor; the token stays unused."""
        issued = stores.issue()
        found = stores.found(issued.refresh)
        assert stores.grants.revoke_grant(issued.grant_id, stores.audit("token.revoked"))
        counts = stores.counts()
        assert not stores.rotate(issued.refresh, found)
        assert stores.found(issued.refresh).used_at is None
        assert stores.counts() == counts

    def test_grant_is_revoked_once(self, stores: Stores) -> None:
        """Of two revocations, one ends the family and is audited; the time of the end stays."""
        issued, other = stores.issue(), stores.issue()
        first = stores.now
        event = stores.audit("token.revoked")
        assert stores.grants.revoke_grant(issued.grant_id, event)
        stores.clock.now += 10
        assert not stores.grants.revoke_grant(issued.grant_id, event)
        assert stores.found(issued.refresh).revoked_at == first
        assert not stores.lives(issued)
        assert stores.lives(other)
        assert [row["event"] for row in stores.rows("audit_event")].count("token.revoked") == 1

    def test_failed_audit_row_stops_no_end_of_a_family(self, stores: Stores) -> None:
        """A family ends even if its audit row cannot be stored."""
        issued = stores.issue()
        assert stores.grants.revoke_grant(issued.grant_id, stores.audit(cast("str", None)))
        assert not stores.lives(issued)

    def test_one_of_many_rotates(self, stores: Stores) -> None:
        """Of 16 threads that found the token unused, exactly one stores a successor."""
        for _ in range(5):
            issued = stores.issue()
            found = stores.found(issued.refresh)
            assert sorted(self._together(stores, issued.refresh, found)) == [False] * 15 + [True]
        assert stores.counts() == {"grant": 5, "access_token": 10, "refresh_token": 10, "audit_event": 10}

    def _together(self, stores: Stores, key: bytes, found: object) -> list[bool]:
        start = Barrier(THREADS)

        def rotate(_: int) -> bool:
            with stores.site.app.app_context():
                start.wait()
                return stores.rotate(key, found)  # type: ignore[arg-type]

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(rotate, range(THREADS)))


class KeptRefreshTokenRules:
    """A refresh without rotation."""

    def test_refresh_token_is_kept(self, stores: Stores) -> None:
        """A new access token is stored under the grant, without a new generation."""
        issued = stores.issue()
        found = stores.found(issued.refresh)
        stores.clock.now += 10
        assert stores.keep(issued.refresh, found)
        # The token is the same; the claims are the grant's, which the refresh renewed.
        assert stores.found(issued.refresh) == found._replace(claims={"name": "Álice"})
        assert stores.counts() == {"grant": 1, "access_token": 2, "refresh_token": 1, "audit_event": 2}
        assert stores.rows("grant")[0]["claims"] == {"name": "Álice"}

    def test_use_moves_the_idle_end_of_token_and_grant(self, stores: Stores) -> None:
        """A use that moves the token's idle end also moves the end of the grant's row."""
        issued = stores.issue()
        ends = stores.now + 90_000
        assert stores.keep(issued.refresh, stores.found(issued.refresh), ends=ends)
        assert stores.found(issued.refresh).expires_at == ends
        assert stores.rows("grant")[0]["live_until"] == ends

    def test_revoked_grant_gets_no_access_token(self, stores: Stores) -> None:
        """A grant that is revoked after the look-up gets no access token."""
        issued = stores.issue()
        found = stores.found(issued.refresh)
        stores.grants.revoke_grant(issued.grant_id, stores.audit("token.revoked"))
        counts = stores.counts()
        assert not stores.keep(issued.refresh, found)
        assert stores.counts() == counts

    def test_keeping_is_one_transaction(self, stores: Stores) -> None:
        """Access token, grant and audit row are committed together."""
        issued = stores.issue()
        with stores.counted_commits() as commits:
            assert stores.keep(issued.refresh, stores.found(issued.refresh), ends=stores.now + 90_000)
        assert len(commits) == 1
