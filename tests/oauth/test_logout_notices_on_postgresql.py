"""Senders on several nodes share PostgreSQL, and each notice is sent by one of them at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models import LogoutNoticeStore
from tests.conftest import Site
from tests.oauth.sessions import SignedIn
from tests.oauth.test_logout_notices import Mailbox, race_of_senders
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql


@pytest.fixture
def shared(make_site: Callable[..., Site], postgresql: Postgresql, tmp_path: Path) -> Iterator[Site]:
    """A site on PostgreSQL."""
    with migrated_database(postgresql, "notices", tmp_path) as url:
        yield make_site(NETID_DATABASE_URL=url)


def test_notice_is_sent_by_one_of_many_senders(shared: Site) -> None:
    """Four senders that look at the same time claim each notice once."""
    signed_in, mailbox = SignedIn(shared), Mailbox()
    claimed = race_of_senders(shared, signed_in, mailbox)
    assert sum(claimed) == len({token for _, token in mailbox.sent}) == len(mailbox.sent) == 18
    with shared.app.app_context():
        assert LogoutNoticeStore().due(signed_in.now + 3600, 100) == []
