"""What every database must do with a refresh token that stays the same."""

from tests.models.stores import Stores


class KeptTokenRules:
    """A refresh without rotation."""

    def test_refresh_token_stays(self, stores: Stores) -> None:
        """A new access token is stored under the grant, and no new generation."""
        issued = stores.issue()
        found = stores.found(issued.refresh)
        stores.clock.now += 10
        assert stores.keep(issued.refresh, found)
        assert stores.found(issued.refresh) == found
        assert stores.counts() == {"grant": 1, "access_token": 2, "refresh_token": 1, "audit_event": 2}
        assert stores.rows("grant")[0]["claims"] == {"name": "Álice"}

    def test_end_is_moved_where_that_is_asked(self, stores: Stores) -> None:
        """A use that moves the idle end of the token moves the end of the grant's row with it."""
        issued = stores.issue()
        ends = stores.now + 90_000
        assert stores.keep(issued.refresh, stores.found(issued.refresh), ends=ends)
        assert stores.found(issued.refresh).expires_at == ends
        assert stores.rows("grant")[0]["live_until"] == ends

    def test_revoked_grant_gets_nothing(self, stores: Stores) -> None:
        """A grant that was revoked after its token was found gets no access token."""
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
