"""Every database ends unused codes with the grants that an operator or a user ends."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest

from models import AlreadyUsed, CodeStore, DeviceStore, Selection, end_grants
from tests.models.sign_in import ALICE, SignIn, bare_grant
from tests.models.stores import Stores

THREADS = 16


class UnusedCodeRules:
    """Codes that would give a grant after the grants ended."""

    @pytest.mark.parametrize(
        ("chosen", "ends"),
        [
            (Selection(subjects=[ALICE], client_id="a-client"), True),
            (Selection(subjects=[ALICE]), True),
            (Selection(client_id="a-client"), True),
            (Selection(), True),
            (Selection(subjects=["subject-of-bob"]), False),
            (Selection(client_id="another"), False),
            (Selection(subjects=[]), False),
            (Selection(before=0), False),
            (Selection(grant_id=b"g" * 19), False),
        ],
    )
    def test_codes_end_with_the_grants_of_a_selection(
        self, stores: Stores, chosen: Selection, *, ends: bool
    ) -> None:
        """An unused code and an allowed device code of these people and clients give no grant any more."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        code, (device, digest) = sign_in.code(session), sign_in.device_code()
        assert sign_in.allow(digest, session)
        end_grants(chosen, stores.audit("grant.revoked", reason="user"), stores.now)
        audited = [reason for event, reason in sign_in.events() if event == "grant.revoked"]
        assert audited == (["user: 0 ended, 2 unused codes"] if ends else [])
        found = sign_in.devices.find(device)
        assert found is not None
        assert found.is_denied is ends
        for redeem in (CodeStore.redeem(code), DeviceStore.redeem(device)):
            if not ends:
                sign_in.issue(session, redeem=redeem)
                continue
            with pytest.raises(AlreadyUsed):
                sign_in.issue(session, redeem=redeem)

    def test_used_and_undecided_codes_stay(self, stores: Stores) -> None:
        """A used code still finds the grant that a replay ends, and a device that waits still waits."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin()
        code, (device, _) = sign_in.code(session), sign_in.device_code()
        issued = sign_in.issue(session, redeem=CodeStore.redeem(code))
        end_grants(Selection(), stores.audit("grant.revoked", reason="user"), stores.now)
        used, waiting = sign_in.codes.find(code), sign_in.devices.find(device)
        assert used is not None
        assert used.grant_id == issued.grant_id
        assert waiting is not None
        assert waiting.is_pending(stores.now)

    def test_end_of_grants_during_an_exchange_ends_the_grant(self, stores: Stores) -> None:
        """However the end of a user's grants and 16 exchanges interleave, no grant is live afterwards."""
        sign_in = SignIn(stores)
        stores.issue()
        session, _ = sign_in.begin()
        keys = [sign_in.code(session) for _ in range(THREADS)]
        start, chosen = Barrier(THREADS), Selection(subjects=[ALICE], client_id="a-client")

        def use(number: int) -> None:
            with stores.site.app.app_context():
                start.wait()
                if number == THREADS // 2:
                    end_grants(chosen, stores.audit("grant.revoked", reason="user"), stores.now)
                    return
                grant, access = bare_grant(stores)
                redeem = CodeStore.redeem(keys[number])
                with suppress(AlreadyUsed):
                    stores.grants.issue(grant, access, None, stores.audit(), redeem=redeem)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(use, range(THREADS)))
        assert [row for row in stores.rows("grant") if row["revoked_at"] is None] == []
