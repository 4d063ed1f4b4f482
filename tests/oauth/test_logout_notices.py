"""Back-channel logout: who is told about the end of a session, how, and how often (OpenID Connect)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import KeySet

from cli import services_of
from models import LogoutNoticeStore, StoreUnavailable
from oauth.logout.notice_sender import NoticeSender, Sending
from oauth.tokens.session_ids import sid_of
from outgoing import Answer, OutgoingClient, OutgoingFailed
from telemetry import open_log
from tests.conftest import NOON, Site
from tests.fakes import OPERATOR
from tests.faults import rows, without_table
from tests.oauth.sessions import SignedIn
from tests.outgoing.peer import peer, trust

URI = "https://rp.example.edu/logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
DAY = 86_400


def answered(status: int) -> Answer:
    """An empty answer."""
    return Answer(status, b"", is_whole=True)


OK, REFUSED = answered(200), answered(400)


class Mailbox:
    """Takes what is sent, and answers as a test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.answer: Answer | OutgoingFailed = OK

    def __call__(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Take a logout token."""
        assert set(fields) == {"logout_token"}
        self.sent.append((url, fields["logout_token"]))
        if isinstance(self.answer, OutgoingFailed):
            raise self.answer
        return self.answer


@pytest.fixture
def signed_in(faked: Site) -> SignedIn:
    """The sessions of the site."""
    return SignedIn(faked)


@pytest.fixture
def mailbox() -> Mailbox:
    """What clients got."""
    return Mailbox()


def sender(site: Site, post: Callable[[str, Mapping[str, str]], Answer], **changed: Any) -> NoticeSender:
    """A sender of the site's notices."""
    services = services_of(site.app)
    parts: dict[str, Any] = {
        "store": LogoutNoticeStore(),
        "clients": services.clients,
        "keys": services.signing_keys,
        "issuer": "https://localhost:8443",
        "post": post,
        "longest": 5.0,
        "clock": site.clock,
        "log": open_log(site.log),
    }
    return NoticeSender(Sending(**{**parts, **changed}), site.app.app_context)


def race_of_senders(site: Site, signed_in: SignedIn, mailbox: Mailbox) -> list[int]:
    """How many notices each of four senders claimed that look at 18 notices of six clients at once."""
    clients = [signed_in.client(f"program {n}", backchannel_logout_uri=f"{URI}/{n}") for n in range(6)]
    for _ in range(3):
        signed_in.ended(*clients)
    senders = [sender(site, mailbox) for _ in range(4)]
    barrier, claimed = threading.Barrier(len(senders)), list[int]()

    def send(each: NoticeSender) -> None:
        barrier.wait()
        claimed.append(each.send_due())

    threads = [threading.Thread(target=send, args=(each,)) for each in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return claimed


def claims_of(site: Site, token: str) -> jwt.Token:
    """A logout token that joserfc accepts with the published keys."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"])


def events_of(site: Site) -> Sequence[str]:
    """The lines of the log about logout."""
    return [line["event"] for line in site.log_lines() if line["event"].startswith("logout.")]


def waiting(site: Site) -> list[tuple[int, int]]:
    """How often each waiting notice was tried, and in how many seconds it is due."""
    found = [(int(str(row["attempts"])), int(str(row["due_at"]))) for row in rows(site, "logout_notice")]
    return [(attempts, due_at - int(site.clock())) for attempts, due_at in found]


class TestToken:
    """The logout token."""

    @pytest.mark.parametrize(("token_format", "alg"), [("opaque", "RS256"), ("ES256", "ES256")])
    def test_token_has_its_claims(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox, token_format: str, alg: str
    ) -> None:
        """It names issuer, client, user and session, and never has a nonce (Back-Channel Logout 1.0, 2.4)."""
        client = signed_in.client(backchannel_logout_uri=URI, access_token_format=token_format)
        session = signed_in.ended(client, sub="pairwise")
        assert sender(faked, mailbox).send_due() == 1
        ((url, sent),) = mailbox.sent
        token = claims_of(faked, sent)
        assert url == URI
        assert (token.header["typ"], token.header["alg"]) == ("logout+jwt", alg)
        jti = token.claims.pop("jti")
        assert len(jti) >= 22
        assert token.claims == {
            "iss": "https://localhost:8443",
            "aud": client.client_id,
            "iat": NOON,
            "exp": NOON + 120,
            "events": {EVENT: {}},
            "sub": "pairwise",
            "sid": sid_of(session.id, client.client_id),
        }

    def test_each_try_has_a_token_of_its_own(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """A token lives two minutes, and a client may remember its jti: a later try has a new one (2.6)."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        mailbox.answer = REFUSED
        sending = sender(faked, mailbox)
        sending.send_due()
        faked.clock.now += 3600
        sending.send_due()
        first, second = (claims_of(faked, token).claims for _, token in mailbox.sent)
        assert first["jti"] != second["jti"]
        assert (first["sid"], first["sub"]) == (second["sid"], second["sub"])
        assert second["iat"] == NOON + 3600

    def test_clients_cannot_compare_their_sids(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """Each client of one session is told another sid."""
        clients = [signed_in.client(name, backchannel_logout_uri=f"{URI}/{name}") for name in "ab"]
        signed_in.ended(*clients)
        assert sender(faked, mailbox).send_due() == 2
        sids = {claims_of(faked, token).claims["sid"] for _, token in mailbox.sent}
        assert len(sids) == 2


class TestWhoIsTold:
    """Which clients are told."""

    def test_only_clients_of_the_session_are_told(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """A client without a URI, a client of no session, and a live session are left out."""
        told = signed_in.client(backchannel_logout_uri=URI)
        signed_in.client("another", backchannel_logout_uri=f"{URI}/another")
        signed_in.begin(told)
        signed_in.ended(told, signed_in.client("without a URI"))
        assert sender(faked, mailbox).send_due() == 1
        assert [url for url, _ in mailbox.sent] == [URI]

    def test_registration_of_now_counts(self, faked: Site, signed_in: SignedIn, mailbox: Mailbox) -> None:
        """An operator who corrects the URL need not wait for the next logout."""
        client = signed_in.client(backchannel_logout_uri=URI)
        signed_in.ended(client)
        change(faked, client.client_id, backchannel_logout_uri=f"{URI}/new")
        sender(faked, mailbox).send_due()
        assert [url for url, _ in mailbox.sent] == [f"{URI}/new"]

    @pytest.mark.parametrize("changes", [{"backchannel_logout_uri": None}, {"disabled_at": NOON}])
    def test_client_that_lost_its_registration_is_told_nothing(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox, changes: dict[str, Any]
    ) -> None:
        """A client that was disabled in the meantime, or has no URI any more, gets nothing."""
        client = signed_in.client(backchannel_logout_uri=URI)
        signed_in.ended(client)
        change(faked, client.client_id, **changes)
        sender(faked, mailbox).send_due()
        assert (mailbox.sent, rows(faked, "logout_notice")) == ([], [])
        assert events_of(faked) == ["logout.notice_dropped"]


def change(site: Site, client_id: str, **changes: Any) -> None:
    """Change a client as an operator does, and take that out of the log."""
    before = len(site.log.getvalue())
    with site.app.app_context():
        services_of(site.app).clients.update(client_id, changes, actor=OPERATOR)
    site.log.truncate(before)
    site.log.seek(before)


class TestTries:
    """How often a notice is sent."""

    @pytest.mark.parametrize("status", [200, 204])
    def test_taken_notice_is_sent_once(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox, status: int
    ) -> None:
        """200 and 204 mean that the client took it (2.8)."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        mailbox.answer = answered(status)
        sending = sender(faked, mailbox)
        assert (sending.send_due(), sending.send_due()) == (1, 0)
        assert len(mailbox.sent) == 1
        assert rows(faked, "logout_notice") == []
        assert events_of(faked) == ["logout.notice_sent"]

    @pytest.mark.parametrize(
        "answer",
        [answered(400), answered(302), answered(503), OutgoingFailed("no TLS")],
    )
    def test_other_answer_is_tried_again(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox, answer: Answer | OutgoingFailed
    ) -> None:
        """A refusal, a redirect, an outage and a failed connection: the notice waits for its next try."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        mailbox.answer = answer
        sending = sender(faked, mailbox)
        assert sending.send_due() == 1
        assert waiting(faked) == [(1, 36)]
        assert sending.send_due() == 0
        (line,) = [line for line in faked.log_lines() if line["event"] == "logout.notice_failed"]
        assert line["cause"] == (
            "no TLS" if isinstance(answer, OutgoingFailed) else f"the answer was {answer.status}"
        )
        mailbox.answer = OK
        faked.clock.now += 36
        assert sending.send_due() == 1
        assert rows(faked, "logout_notice") == []

    def test_pauses_grow_until_it_is_given_up(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """The pauses double up to an hour. After a day the notice is given up, and the log says so."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        mailbox.answer = REFUSED
        sending = sender(faked, mailbox)
        pauses: list[int] = []
        sending.send_due()
        while left := waiting(faked):
            pauses.append(left[0][1])
            faked.clock.now += pauses[-1]
            sending.send_due()
        assert [seconds - 6 for seconds in pauses[:9]] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
        assert faked.clock.now <= NOON + DAY
        assert events_of(faked)[-1] == "logout.notice_given_up"
        assert len(mailbox.sent) == len(pauses) + 1

    def test_claim_outlasts_the_request(self, faked: Site, signed_in: SignedIn, mailbox: Mailbox) -> None:
        """A long deadline prolongs the claim, so that no other sender takes the notice in the meantime."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        mailbox.answer = REFUSED
        sender(faked, mailbox, longest=3600.0).send_due()
        assert waiting(faked) == [(1, 3631)]

    def test_notice_is_sent_by_one_of_many_senders(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """Workers and nodes that look at the same time send each notice once."""
        claimed = race_of_senders(faked, signed_in, mailbox)
        assert sum(claimed) == 18
        assert len({token for _, token in mailbox.sent}) == len(mailbox.sent) == 18
        assert rows(faked, "logout_notice") == []


class TestTroubles:
    """A client or a database in trouble."""

    def test_dead_client_costs_one_try_a_turn(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """After a failure the client's other notices wait too: each would take as long to fail."""
        client = signed_in.client(backchannel_logout_uri=URI)
        for _ in range(5):
            signed_in.ended(client)
        mailbox.answer = OutgoingFailed("no answer before the deadline")
        assert sender(faked, mailbox).send_due() == 5
        assert len(mailbox.sent) == 1
        assert waiting(faked) == [(1, 36)] * 5

    def test_dead_client_holds_up_no_other(self, faked: Site, signed_in: SignedIn) -> None:
        """While one client does not answer, the others get their notices."""
        dead = signed_in.client("dead", backchannel_logout_uri="https://dead.example.edu/")
        alive = signed_in.client("alive", backchannel_logout_uri=URI)
        signed_in.ended(dead)
        signed_in.ended(alive)
        told = threading.Event()

        def post(url: str, _fields: Mapping[str, str]) -> Answer:
            if url == URI:
                told.set()
                return OK
            assert told.wait(10), "the other client had to wait"
            raise OutgoingFailed("no answer before the deadline")

        assert sender(faked, post).send_due() == 2
        assert [row["client_id"] for row in rows(faked, "logout_notice")] == [dead.client_id]

    def test_outage_of_the_database_ends_no_sender(
        self, faked: Site, signed_in: SignedIn, mailbox: Mailbox
    ) -> None:
        """An outage is logged once, and afterwards the notice is sent."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))
        looks = iter(range(3))
        sending = sender(faked, mailbox)
        with without_table(faked, "logout_notice"):
            with pytest.raises(StoreUnavailable):
                sending.send_due()
            sending.run(lambda _: next(looks) == 2)
        assert [line["event"] for line in faked.log_lines()].count("database.unavailable") == 1
        sending.run(lambda _: True)
        assert len(mailbox.sent) == 1

    def test_fault_of_the_sender_ends_no_sender(self, faked: Site, signed_in: SignedIn) -> None:
        """An exception that nobody expected is logged, and the notice waits for its next try."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=URI))

        def post(_url: str, _fields: Mapping[str, str]) -> Answer:
            raise RuntimeError("unexpected")

        sender(faked, post).run(lambda _: True)
        assert waiting(faked) == [(1, 36)]
        assert "unexpected" in [line["event"] for line in faked.log_lines()]

    def test_log_holds_no_token_and_no_user(self, faked: Site, signed_in: SignedIn, mailbox: Mailbox) -> None:
        """Lines name the client and the try, and neither token nor user."""
        signed_in.ended(signed_in.client(backchannel_logout_uri=f"{URI}?key=hunter2"), sub="sub-of-alice")
        mailbox.answer = REFUSED
        sending = sender(faked, mailbox)
        sending.send_due()
        mailbox.answer = OK
        faked.clock.now += 60
        sending.send_due()
        assert events_of(faked) == ["logout.notice_failed", "logout.notice_sent"]
        for secret in ("hunter2", "sub-of-alice", *(token for _, token in mailbox.sent)):
            assert secret not in faked.log.getvalue()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority that signs the certificate of the client's server."""
    return trustme.CA()


def test_notice_reaches_a_server_over_tls(
    faked: Site, signed_in: SignedIn, authority: trustme.CA, tmp_path: Path
) -> None:
    """A real server gets the token as a form (2.5); without the operator's consent a private one does not."""
    with peer(authority) as server:
        signed_in.ended(signed_in.client(backchannel_logout_uri=server.url()))

        def client(*, allow_private: bool) -> OutgoingClient:
            return OutgoingClient(
                ca_file=trust(authority, tmp_path),
                seconds=10,
                allow_private=allow_private,
                resolve=server.resolve,
            )

        sender(faked, client(allow_private=False).post_form).send_due()
        assert server.connections == 0
        faked.clock.now += 60
        sender(faked, client(allow_private=True).post_form).send_due()
    body = server.received[0].partition(b"\r\n\r\n")[2]
    assert claims_of(faked, parse_qs(body.decode())["logout_token"][0]).claims["events"] == {EVENT: {}}
    assert rows(faked, "logout_notice") == []
