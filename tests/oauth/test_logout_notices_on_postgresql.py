"""Senders on several nodes share PostgreSQL, and each notice is sent by one of them at a time."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask_migrate import upgrade

from app import create_app
from models import LogoutNoticeStore, db
from oauth.logout.notice_sender import NoticeSender
from tests.conftest import Site
from tests.oauth.sessions import SignedIn
from tests.oauth.test_logout_notices import URI, Mailbox, sender
from tests.servers.postgresql import Postgresql


@pytest.fixture
def shared(make_site: Callable[..., Site], postgresql: Postgresql, tmp_path: Path) -> Iterator[Site]:
    """A site on PostgreSQL."""
    url = postgresql.create_database("notices")
    app = create_app({"NETID_INSTANCE_PATH": str(tmp_path), "NETID_DATABASE_URL": url})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    yield make_site(NETID_DATABASE_URL=url)
    postgresql.drop_database("notices")


def test_notice_is_sent_by_one_of_many_senders(shared: Site) -> None:
    """Four senders that look at the same time claim each notice once."""
    signed_in, mailbox = SignedIn(shared), Mailbox()
    clients = [signed_in.client(f"program {n}", backchannel_logout_uri=f"{URI}/{n}") for n in range(6)]
    for _ in range(3):
        signed_in.ended(*clients)
    senders = [sender(shared, mailbox) for _ in range(4)]
    barrier, claimed = threading.Barrier(len(senders)), list[int]()

    def send(each: NoticeSender) -> None:
        barrier.wait()
        claimed.append(each.send_due())

    threads = [threading.Thread(target=send, args=(each,)) for each in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claimed) == len({token for _, token in mailbox.sent}) == len(mailbox.sent) == 18
    with shared.app.app_context():
        assert LogoutNoticeStore().due(signed_in.now + 3600, 100) == []
