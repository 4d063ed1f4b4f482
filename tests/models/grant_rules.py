"""Every database stores, finds and ends grants and tokens in the same way."""

from dataclasses import replace
from typing import Any, cast

import pytest

from models import StoreUnavailable, hour_prefix, purge, record
from tests.fakes import OPERATOR
from tests.models.stores import Stores

HOUR = 3600
NOTHING = {"grant": 0, "access_token": 0, "refresh_token": 0, "audit_event": 0}
ONE = dict.fromkeys(NOTHING, 1)

LEEWAY = 60


class GrantRules:
    """Issuing, finding, revoking and purging."""

    def test_issue_stores_grant_tokens_and_audit_row(self, stores: Stores) -> None:
        """An issue stores all four rows."""
        issued = stores.issue()
        assert stores.counts() == ONE
        (event,) = stores.rows("audit_event")
        assert (event["event"], event["at"]) == ("token.issued", stores.now)
        assert event["grant_id"] == issued.grant_id.hex()

    def test_issue_is_one_transaction(self, stores: Stores) -> None:
        """The secret's last use, the grant, its tokens and its audit row are committed together."""
        client_id, _ = stores.register()
        with stores.counted_commits() as commits:
            stores.issue(client_id, secret_used=(client_id, 1))
        assert len(commits) == 1

    def test_client_without_refresh_gets_no_refresh_token_stored(self, stores: Stores) -> None:
        """No refresh token is stored for a client that may not refresh."""
        stores.issue(refresh_ttl=None)
        assert stores.counts() == {**ONE, "refresh_token": 0}

    def test_failed_audit_row_undoes_the_issue(self, stores: Stores) -> None:
        """If the audit row cannot be stored, no token is: every live token has an audit row."""
        broken = stores.audit(cast("str", None))
        with pytest.raises(StoreUnavailable):
            stores.issue(event=broken)
        assert stores.counts() == NOTHING

    def test_failed_token_undoes_the_issue(self, stores: Stores) -> None:
        """If the refresh token cannot be stored, grant and access token are not stored either."""
        first = stores.issue()
        with pytest.raises(StoreUnavailable):
            stores.issue(keys=(stores.key(stores.now), first.refresh))
        assert stores.counts() == ONE

    def test_store_works_after_a_failure(self, stores: Stores) -> None:
        """A failed transaction leaves nothing that hinders the next one."""
        with pytest.raises(StoreUnavailable):
            stores.issue(event=stores.audit(cast("str", None)))
        assert stores.lives(stores.issue())

    def test_last_use_of_the_secret_is_stored(self, stores: Stores) -> None:
        """An issue records when its secret was last used, and changes no other secret."""
        client_id, _ = stores.register()
        other, _ = stores.register("another")
        stores.clients.rotate_secret(client_id, old_not_after=stores.now + HOUR, actor=OPERATOR)
        stores.clock.now += 10
        stores.issue(client_id, secret_used=(client_id, 2))
        used = {
            (row["client_id"], row["serial"]): row["last_used_at"] for row in stores.rows("client_secret")
        }
        assert used == {(client_id, 1): None, (client_id, 2): stores.now, (other, 1): None}

    def test_look_up_returns_the_grant_of_a_token(self, stores: Stores) -> None:
        """A look-up returns all that a resource needs, without the directory."""
        issued = stores.issue("a-client")
        found = stores.grants.find_access_token(issued.access)
        assert found is not None
        assert found.is_live(stores.now)
        assert (found.client_id, found.subject, found.net_id) == ("a-client", "subject-of-alice", "alice")
        assert (found.scope, found.claims["name"]) == ("profile email", "Ålice")
        assert (found.auth_time, found.issued_at, found.expires_at) == (
            stores.now,
            stores.now,
            stores.now + HOUR,
        )

    def test_grant_keeps_its_directory_session_and_origin(self, stores: Stores) -> None:
        """A grant keeps its login's values, and a token the key that it is bound to (RFC 7800)."""
        login = {"acr": "phr", "amr": ["pwd", "otp"], "session_id": b"s" * 32}
        bound = {"cnf": {"jkt": "of-the-refresh-token"}, "directory": "staff", "origin": "authorization_code"}
        stores.issue(of_grant={**login, **bound}, cnf={"jkt": "of-the-access-token"})
        (grant,), (token,) = stores.rows("grant"), stores.rows("access_token")
        assert {name: grant[name] for name in (*login, *bound)} == {**login, **bound}
        assert token["cnf"] == {"jkt": "of-the-access-token"}

    def test_grant_of_a_password_has_the_default_directory(self, stores: Stores) -> None:
        """By default, a grant belongs to the only directory and is bound to no key."""
        issued = stores.issue()
        stores.rotate(issued.refresh, stores.found(issued.refresh))
        (grant,) = stores.rows("grant")
        names = ("directory", "origin", "acr", "amr", "session_id", "cnf")
        assert [grant[name] for name in names] == ["default", "password", None, None, None, None]
        assert [token["cnf"] for token in stores.rows("access_token")] == [None, None]

    def test_token_dies_at_its_second(self, stores: Stores) -> None:
        """A token is live until the second in which it expires."""
        issued = stores.issue(access_ttl=HOUR)
        stores.clock.now += HOUR - 1
        assert stores.lives(issued)
        stores.clock.now += 1
        assert not stores.lives(issued)

    def test_unknown_token_is_none(self, stores: Stores) -> None:
        """An unknown key finds nothing; neither does the key of a refresh token."""
        issued = stores.issue()
        assert stores.grants.find_access_token(b"\0" * 38) is None
        assert stores.grants.find_access_token(issued.refresh) is None

    def test_revoked_access_token_dies_alone(self, stores: Stores) -> None:
        """Revoking an access token leaves its grant and its refresh token alive."""
        issued, other = stores.issue(), stores.issue()
        assert stores.grants.revoke_access_token(issued.access, stores.audit("token.revoked"))
        assert stores.grants.find_access_token(issued.access) is None
        assert stores.lives(other)
        assert all(row["revoked_at"] is None for row in stores.rows("grant"))
        assert stores.counts()["refresh_token"] == 2

    def test_revoked_refresh_token_ends_its_family(self, stores: Stores) -> None:
        """Revoking a refresh token ends its whole grant, and no other (RFC 7009, 2.1)."""
        issued, other = stores.issue(), stores.issue()
        assert stores.grants.revoke_refresh_token(issued.refresh, stores.audit("token.revoked"))
        found = stores.grants.find_access_token(issued.access)
        assert found is not None
        assert found.revoked_at == stores.now
        assert not stores.lives(issued)
        assert stores.lives(other)

    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_only_the_first_revocation_reports_an_end(self, stores: Stores, kind: str) -> None:
        """Of two revocations, one reports the end, and there is one audit row."""
        issued = stores.issue()
        revoke: Any = getattr(stores.grants, f"revoke_{kind}_token")
        key, event = getattr(issued, kind), stores.audit("token.revoked")
        assert [revoke(key, event), revoke(key, event)] == [True, False]
        assert [row["event"] for row in stores.rows("audit_event")] == ["token.issued", "token.revoked"]

    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_key_of_the_other_kind_revokes_nothing(self, stores: Stores, kind: str) -> None:
        """A key is looked up only among tokens of its own kind."""
        issued = stores.issue()
        revoke: Any = getattr(stores.grants, f"revoke_{kind}_token")
        wrong = issued.refresh if kind == "access" else issued.access
        assert not revoke(wrong, stores.audit("token.revoked"))
        assert stores.lives(issued)

    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_failed_audit_row_stops_no_revocation(self, stores: Stores, kind: str) -> None:
        """A revocation stands even if its audit row cannot be stored."""
        issued = stores.issue()
        revoke: Any = getattr(stores.grants, f"revoke_{kind}_token")
        assert revoke(getattr(issued, kind), stores.audit(cast("str", None)))
        assert not stores.lives(issued)

    def test_event_without_a_token_has_its_own_row(self, stores: Stores) -> None:
        """An event that belongs to no token is stored with every field."""
        event = stores.audit("login.refused", address="192.0.2.7", reason="wrong_password", duration_ms=12)
        event = replace(event, request_id="r" * 16, client_id="c", subject="s", scope="profile")
        record(event)
        (row,) = stores.rows("audit_event")
        del row["id"]
        assert row == dict(event.fields())

    def test_grants_of_a_client_are_revoked_in_batches(self, stores: Stores) -> None:
        """All grants of a client end, a few a transaction. Those of other clients live on."""
        mine = [stores.issue("mine") for _ in range(5)]
        other = stores.issue("another")
        with stores.counted_commits() as commits:
            assert stores.grants.revoke_client("mine", batch=2) == 5
        assert len(commits) == 3
        assert not any(map(stores.lives, mine))
        assert stores.lives(other)

    def test_revoking_a_client_again_ends_nothing(self, stores: Stores) -> None:
        """A revoked grant keeps the time of its revocation."""
        issued = stores.issue("mine")
        stores.grants.revoke_client("mine")
        revoked = stores.now
        stores.clock.now += 10
        assert stores.grants.revoke_client("mine") == 0
        found = stores.grants.find_access_token(issued.access)
        assert found is not None
        assert found.revoked_at == revoked

    def test_purge_deletes_only_ended_rows(self, stores: Stores) -> None:
        """A purge deletes expired rows, and none that may still be used."""
        ended = [stores.issue(access_ttl=HOUR, refresh_ttl=2 * HOUR) for _ in range(3)]
        alive = stores.issue(access_ttl=5 * HOUR, refresh_ttl=9 * HOUR)
        stores.clock.now += 4 * HOUR
        assert purge(stores.now).items() >= {"access_token": 3, "refresh_token": 3, "grant": 3}.items()
        assert stores.lives(alive)
        assert not any(map(stores.lives, ended))
        assert stores.counts() == {"grant": 1, "access_token": 1, "refresh_token": 1, "audit_event": 4}

    def test_purge_deletes_in_batches(self, stores: Stores) -> None:
        """A purge deletes no more rows in one transaction than the batch size."""
        for _ in range(5):
            stores.issue(refresh_ttl=None)
        stores.clock.now += 2 * HOUR + LEEWAY
        rests = list[None]()
        with stores.counted_commits() as commits:
            purged = purge(stores.now, batch=2, after=lambda _: rests.append(None))
        tokens = {"access_token": 5, "refresh_token": 0, "grant": 5}
        assert purged.items() >= tokens.items()
        # One transaction looks at each of the other tables, which are empty.
        assert len(commits) == 3 + 1 + 3 + len(purged.keys() - tokens.keys())
        assert len(rests) == len(commits)

    def test_grant_stays_until_its_last_token_ends(self, stores: Stores) -> None:
        """A grant with an expired access token stays while its refresh token is valid."""
        stores.issue(access_ttl=HOUR, refresh_ttl=8 * HOUR)
        stores.clock.now += 3 * HOUR
        assert purge(stores.now).items() >= {"access_token": 1, "refresh_token": 0, "grant": 0}.items()
        stores.clock.now += 6 * HOUR + LEEWAY
        assert purge(stores.now).items() >= {"access_token": 0, "refresh_token": 1, "grant": 1}.items()

    def test_purge_deletes_no_token_within_the_hour_of_its_end(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A JWT's key holds the hour of its end only, so the purge waits until the hour is over."""
        monkeypatch.setattr(Stores, "key", lambda _, ends: hour_prefix(ends) + b"\0" * 32)
        issued = stores.issue(access_ttl=60, refresh_ttl=120)
        stores.clock.now += 59
        assert purge(stores.now).items() >= {"access_token": 0, "refresh_token": 0, "grant": 0}.items()
        assert stores.lives(issued)

    def test_purge_again_finds_nothing(self, stores: Stores) -> None:
        """A second purge deletes nothing."""
        stores.issue()
        stores.clock.now += 30 * 24 * HOUR
        purge(stores.now)
        assert purge(stores.now).items() >= {"access_token": 0, "refresh_token": 0, "grant": 0}.items()
