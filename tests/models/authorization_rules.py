"""Every database keeps codes, requests, device codes and consents in the same way."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from secrets import token_bytes
from threading import Barrier

import pytest

from models import (
    AlreadyUsed,
    ClientEnded,
    CodeStore,
    DeviceStore,
    Redeem,
)
from tests.fakes import OPERATOR
from tests.models.sign_in import ALICE, SignIn, bare_grant
from tests.models.stores import Stores

THREADS = 16


class CodeRules:
    """Authorization codes, and the grant that each gives."""

    def test_code_is_read_back(self, stores: Stores) -> None:
        """A code is found by its key with the approval that it stands for."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key = sign_in.code(session, audience="https://api.campus.example", sub="pairwise")
        found = sign_in.codes.find(key)
        assert found is not None
        approved = sign_in.approval(session, audience="https://api.campus.example", sub="pairwise")
        assert found.approval._replace(amr=tuple(found.approval.amr)) == approved
        assert (found.client_id, found.code_challenge) == ("a-client", "c" * 43)
        assert (found.issued_at, found.expires_at) == (stores.now, stores.now + 60)
        assert (found.used_at, found.grant_id, found.session_ended) == (None, None, False)
        assert sign_in.codes.find(token_bytes(32)) is None

    def test_code_gives_its_grant_once(self, stores: Stores) -> None:
        """The first use gives the grant and is noted with it; the second stores nothing (RFC 6749, 4.1.2)."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key = sign_in.code(session)
        issued = sign_in.issue(session, redeem=CodeStore.redeem(key))
        before = stores.counts()
        with pytest.raises(AlreadyUsed):
            sign_in.issue(session, redeem=CodeStore.redeem(key))
        assert stores.counts() == before
        found = sign_in.codes.find(key)
        assert found is not None
        assert (found.used_at, found.grant_id) == (stores.now, issued.grant_id)

    def test_exchange_is_one_transaction(self, stores: Stores) -> None:
        """The use of the code and the grant are committed together."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key = sign_in.code(session)
        stores.issue()
        with stores.counted_commits() as commits:
            sign_in.issue(session, redeem=CodeStore.redeem(key))
        assert len(commits) == 1

    def test_failed_exchange_leaves_the_code_unused(self, stores: Stores) -> None:
        """If the client was disabled meanwhile, there is no grant, and the code is as before."""
        sign_in = SignIn(stores)
        client_id, key = sign_in.client(), sign_in.code(None)
        stores.clients.disable(client_id, actor=OPERATOR)
        with pytest.raises(ClientEnded):
            sign_in.issue(client_id=client_id, redeem=CodeStore.redeem(key))
        found = sign_in.codes.find(key)
        assert found is not None
        assert (found.used_at, found.grant_id) == (None, None)

    def test_expired_code_gives_nothing(self, stores: Stores) -> None:
        """A code ends after its minute, also if the caller did not look at its time."""
        sign_in = SignIn(stores)
        key = sign_in.code(None)
        stores.clock.now += 60
        with pytest.raises(AlreadyUsed):
            sign_in.issue(redeem=CodeStore.redeem(key))

    def test_unknown_code_gives_nothing(self, stores: Stores) -> None:
        """A key that no code has gives no grant."""
        with pytest.raises(AlreadyUsed):
            SignIn(stores).issue(redeem=CodeStore.redeem(token_bytes(32)))

    def test_code_of_an_ended_session_gives_nothing(self, stores: Stores) -> None:
        """The end of the session reaches codes that were not used yet."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key = sign_in.code(session)
        sign_in.sessions.end(session.id, stores.audit("session.ended"))
        found = sign_in.codes.find(key)
        assert found is not None
        assert found.session_ended
        with pytest.raises(AlreadyUsed):
            sign_in.issue(session, redeem=CodeStore.redeem(key))
        assert sign_in.codes.find(key) == found

    def test_of_16_uses_at_once_one_gives_a_grant(self, stores: Stores) -> None:
        """Of 16 threads that present one code, exactly one gets a grant, and no other gets an error."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        assert _race(stores, CodeStore.redeem(sign_in.code(session))) == 1

    def test_tokens_are_issued_after_the_login(self, stores: Stores) -> None:
        """A token's time is that of its issue, and the grant keeps the time of the login."""
        stores.issue()
        grant, access = bare_grant(stores)
        stores.grants.issue(grant, access, None, stores.audit(), at=stores.now)
        found = stores.grants.find_access_token(access.key)
        assert found is not None
        assert (found.issued_at, found.auth_time) == (stores.now, stores.now - 500)

    def test_end_during_an_exchange_ends_the_grant(self, stores: Stores) -> None:
        """However the end of a session and 16 exchanges interleave, no grant of it is live afterwards."""
        sign_in = SignIn(stores)
        stores.issue()
        session, _ = sign_in.begin()
        keys = [sign_in.code(session) for _ in range(THREADS)]
        start = Barrier(THREADS)

        def use(number: int) -> None:
            with stores.site.app.app_context():
                start.wait()
                if number == THREADS // 2:
                    assert sign_in.sessions.end(session.id, stores.audit("session.ended"))
                    return
                grant, access = bare_grant(stores)
                grant = grant._replace(session_id=session.id)
                redeem = CodeStore.redeem(keys[number])
                with suppress(AlreadyUsed):
                    stores.grants.issue(grant, access, None, stores.audit(), redeem=redeem)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(use, range(THREADS)))
        of_session = [row for row in stores.rows("grant") if row["session_id"] == session.id]
        assert [row for row in of_session if row["revoked_at"] is None] == []


class DeviceRules:
    """Device codes and user codes (RFC 8628)."""

    def test_device_code_is_found_by_both_codes(self, stores: Stores) -> None:
        """The device and the user's browser find the same row."""
        sign_in = SignIn(stores)
        key, digest = sign_in.device_code()
        found = sign_in.devices.find(key)
        assert found == sign_in.devices.find_by_user_code(digest)
        assert found is not None
        assert (found.client_id, found.scope, found.address) == ("a-client", "openid profile", "192.0.2.8")
        assert (found.interval, found.polled_at, found.approval) == (5, None, None)
        assert found.is_pending(stores.now)
        assert not found.is_pending(stores.now + 600)
        assert sign_in.devices.find(digest) is None

    def test_taken_user_code_is_not_given_twice(self, stores: Stores) -> None:
        """Two devices never share a user code."""
        sign_in = SignIn(stores)
        key, digest = sign_in.device_code()
        again = sign_in.devices.add(
            token_bytes(32), digest, "b", scope="", audience=None, address="", expires_at=stores.now + 600
        )
        assert not again
        found = sign_in.devices.find_by_user_code(digest)
        assert found == sign_in.devices.find(key)

    def test_poll_that_comes_too_early_slows_down_for_good(self, stores: Stores) -> None:
        """Each early poll adds five seconds to the interval (RFC 8628, 3.5)."""
        sign_in, now = SignIn(stores), stores.now
        key, _ = sign_in.device_code()
        # The intervals before each poll: 5, 5, 5, 10, 15 and 15 seconds.
        early = [sign_in.devices.poll(key, now + after) for after in (0, 5, 9, 18, 33, 48)]
        assert early == [False, False, True, True, False, False]
        found = sign_in.devices.find(key)
        assert found is not None
        assert (found.interval, found.polled_at) == (15, now + 48)

    def test_device_code_is_decided_once(self, stores: Stores) -> None:
        """After a user allowed or denied it, nobody decides again."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        allowed, first = sign_in.device_code()
        denied, second = sign_in.device_code()
        event = stores.audit("device.denied")
        assert sign_in.allow(first, session)
        assert not sign_in.devices.deny(first, event)
        assert sign_in.devices.deny(second, event)
        assert not sign_in.allow(second, session)
        one, other = sign_in.devices.find(allowed), sign_in.devices.find(denied)
        assert one is not None
        assert other is not None
        assert one.approval is not None
        assert (one.approval.scope, one.is_denied) == ("openid profile", False)
        assert (other.approval, other.is_denied) == (None, True)
        assert [row["client_id"] for row in stores.rows("session_client")] == ["a-client"]
        assert [name for name, _ in sign_in.events()[1:]] == ["device.allowed", "device.denied"]

    def test_expired_user_code_is_not_decided(self, stores: Stores) -> None:
        """An expired code can be neither allowed nor denied."""
        sign_in = SignIn(stores)
        _, digest = sign_in.device_code()
        stores.clock.now += 600
        assert not sign_in.allow(digest, None)
        assert not sign_in.devices.deny(digest, stores.audit("device.denied"))

    def test_device_code_gives_nothing_before_it_is_allowed(self, stores: Stores) -> None:
        """A pending or denied device code gives no grant."""
        sign_in = SignIn(stores)
        key, digest = sign_in.device_code()
        for _ in range(2):
            with pytest.raises(AlreadyUsed):
                sign_in.issue(redeem=DeviceStore.redeem(key))
            sign_in.devices.deny(digest, stores.audit("device.denied"))

    def test_device_code_of_an_ended_session_gives_nothing(self, stores: Stores) -> None:
        """The end of the session reaches device codes that were not used yet."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key, digest = sign_in.device_code()
        sign_in.allow(digest, session)
        sign_in.sessions.end(session.id, stores.audit("session.ended"))
        found = sign_in.devices.find(key)
        assert found is not None
        assert found.session_ended
        with pytest.raises(AlreadyUsed):
            sign_in.issue(redeem=DeviceStore.redeem(key))

    def test_of_16_polls_at_once_one_gives_a_grant(self, stores: Stores) -> None:
        """Of 16 threads that present one device code, exactly one gets a grant."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        key, digest = sign_in.device_code()
        assert sign_in.allow(digest, session)
        assert _race(stores, DeviceStore.redeem(key)) == 1
        found = sign_in.devices.find(key)
        assert found is not None
        assert found.grant_id is not None

    def test_guesses_are_counted_by_session_and_network(self, stores: Stores) -> None:
        """A wrong user code counts for the session and for the network, within the time."""
        devices, now = SignIn(stores).devices, stores.now
        one, other = b"1" * 16, b"2" * 16
        for session_id, address, at in (
            (one, "192.0.2.7", now - 99),
            (one, "192.0.2.7", now),
            (one, "192.0.2.8", now),
            (other, "192.0.2.7", now),
            (None, "192.0.2.7", now),
        ):
            devices.record_guess(session_id, address, at)
        assert devices.count_guesses(one, "192.0.2.7", now - 99) == (2, 3)
        assert devices.count_guesses(None, "192.0.2.7", now - 100) == (0, 4)


class ConsentRules:
    """Remembered consents."""

    def test_consents_to_a_client_add_up(self, stores: Stores) -> None:
        """A second consent adds its scopes to those of the first."""
        sign_in = SignIn(stores)
        client_id = sign_in.client()
        assert sign_in.consents.find(ALICE, client_id) is None
        sign_in.consents.remember(ALICE, client_id, "profile openid")
        stores.clock.now += 5
        sign_in.consents.remember(ALICE, client_id, "openid email")
        found = sign_in.consents.find(ALICE, client_id)
        assert found is not None
        assert (found.scope, found.granted_at) == ("profile openid email", stores.now)
        assert found.client_name == "a program"

    def test_consent_is_forgotten(self, stores: Stores) -> None:
        """A forgotten consent is gone; those of others and to others stay."""
        consents = SignIn(stores).consents
        for subject, client_id in ((ALICE, "a"), (ALICE, "b"), ("subject-of-bob", "a")):
            consents.remember(subject, client_id, "openid")
        assert [consents.forget(ALICE, "a") for _ in range(2)] == [True, False]
        assert [each.client_id for each in consents.list_of(ALICE)] == ["b"]
        assert consents.find("subject-of-bob", "a") is not None
        assert consents.find(ALICE, "b", directory="another") is None

    def test_consents_to_a_deleted_client_are_forgotten(self, stores: Stores) -> None:
        """A client that is registered later under the same id inherits no consent."""
        sign_in = SignIn(stores)
        client_id, other = sign_in.client(), sign_in.client()
        for each in (client_id, other):
            sign_in.consents.remember(ALICE, each, "openid")
        stores.clients.delete(client_id, actor=OPERATOR)
        assert [each.client_id for each in sign_in.consents.list_of(ALICE)] == [other]

    def test_consents_at_once_lose_nothing(self, stores: Stores) -> None:
        """Of 16 consents at once to different scopes, each is remembered."""
        consents, start = SignIn(stores).consents, Barrier(THREADS)

        def remember(number: int) -> None:
            with stores.site.app.app_context():
                start.wait()
                consents.remember(ALICE, "a-client", f"scope{number}")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(remember, range(THREADS)))
        found = consents.find(ALICE, "a-client")
        assert found is not None
        assert set(found.scope.split()) == {f"scope{number}" for number in range(THREADS)}


def _race(stores: Stores, redeem: Redeem) -> int:
    """Use one code in 16 threads at once. Returns how many got a grant, of which exactly those are stored."""
    stores.issue()
    start = Barrier(THREADS)

    def use(_: int) -> bool:
        with stores.site.app.app_context():
            grant, access = bare_grant(stores)
            start.wait()
            try:
                stores.grants.issue(grant, access, None, stores.audit(), redeem=redeem)
            except AlreadyUsed:
                return False
            return True

    with ThreadPoolExecutor(THREADS) as pool:
        won = sum(pool.map(use, range(THREADS)))
    assert stores.counts()["grant"] == stores.counts()["access_token"] == 1 + won
    return won
