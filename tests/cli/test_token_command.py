"""`flask token …`: ending one token, and deleting what has ended."""

import pytest

from cli.token import giving_way
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site

DAY = 86_400


@pytest.fixture
def library(site: Site) -> Registered:
    """A client that may refresh."""
    return site.register("Library", "--grant", "refresh_token", "--scope", "profile")


def tokens(site: Site, client: Registered) -> tuple[str, str]:
    """An access token and a refresh token of one grant."""
    answer = site.ask_token(client).get_json()
    return answer["access_token"], answer["refresh_token"]


def lives(site: Site, token: str) -> bool:
    """Whether a resource accepts the access token."""
    return site.get("/api/me", token).status_code == 200


def test_access_token_dies_alone(as_json: Run, site: Site, library: Registered) -> None:
    """An access token on standard input is ended, its grant is not, nor is any other token."""
    access, refresh = tokens(site, library)
    another, _ = tokens(site, library)
    assert as_json("token", "revoke", stdin=f"{access}\n") == {"revoked": True}
    assert not lives(site, access)
    assert lives(site, another)
    assert as_json("token", "revoke", stdin=refresh) == {"revoked": True}


def test_refresh_token_ends_its_family(as_json: Run, site: Site, library: Registered) -> None:
    """A refresh token on standard input ends its whole grant, and no other grant."""
    access, refresh = tokens(site, library)
    another, _ = tokens(site, library)
    assert as_json("token", "revoke", stdin=f"  {refresh}\r\n") == {"revoked": True}
    assert not lives(site, access)
    assert lives(site, another)


def test_second_revocation_finds_nothing(as_json: Run, site: Site, library: Registered) -> None:
    """A token that is ended already is no error, and is said to be no more."""
    access, _ = tokens(site, library)
    as_json("token", "revoke", stdin=access)
    assert as_json("token", "revoke", stdin=access) == {"revoked": False}
    assert site.run("token", "revoke", stdin=access).strip() == "No such token lives: nothing to revoke."


def test_revocation_for_people(site: Site, library: Registered) -> None:
    """A person reads one word."""
    assert site.run("token", "revoke", stdin=tokens(site, library)[0]).strip() == "Revoked."


def test_token_is_never_an_argument(site: Site, library: Registered) -> None:
    """A token on the command line, where every user of the machine can read it, is refused and lives on."""
    access, _ = tokens(site, library)
    said = site.run("token", "revoke", access, status=2)
    assert "unexpected extra argument" in said
    assert lives(site, access)


@pytest.mark.parametrize("junk", ["", "\n", "nida_", "nidr_" + "A" * 56, "a password", "ü" * 60, "\0" * 57])
def test_junk_is_no_token(refusal: Run, junk: str) -> None:
    """What cannot be a token of ours is refused, and not repeated."""
    assert refusal("token", "revoke", stdin=junk) == "This is not a token of this server."


def test_bytes_that_are_no_text(site: Site) -> None:
    """Standard input that is no text is refused like any other junk."""
    result = site.app.test_cli_runner().invoke(args=["token", "revoke"], input=b"\xff\xfe\x00\x80")
    assert result.exit_code == 1
    assert result.stderr == "Error: This is not a token of this server.\n"


def test_purge_tells_what_went(as_json: Run, site: Site, library: Registered) -> None:
    """A purge deletes what has ended, table by table, and leaves what lives."""
    tokens(site, library)
    assert as_json("token", "purge").items() >= {"access_token": 0, "refresh_token": 0, "grant": 0}.items()
    site.clock.now = NOON + DAY
    access, _ = tokens(site, library)
    assert as_json("token", "purge").items() >= {"access_token": 1, "refresh_token": 0, "grant": 0}.items()
    site.clock.now = NOON + 14 * DAY + 3660
    assert as_json("token", "purge").items() >= {"access_token": 1, "refresh_token": 1, "grant": 1}.items()
    assert not lives(site, access)


def test_purge_in_batches(as_json: Run, site: Site, library: Registered) -> None:
    """However small the batches are, a purge goes on to the end."""
    for _ in range(3):
        tokens(site, library)
    site.clock.now += 365 * DAY
    assert (
        as_json("token", "purge", "--batch", "1").items()
        >= {"access_token": 3, "refresh_token": 3, "grant": 3}.items()
    )


def test_purge_for_people(site: Site) -> None:
    """A person reads a line of numbers."""
    assert site.run("token", "purge").startswith("access_token: 0, refresh_token: 0, grant: 0")


def test_purge_ends_the_audit_after_its_days(as_json: Run, site: Site, library: Registered) -> None:
    """The audit is kept for 400 days unless it is set, and no longer."""
    tokens(site, library)
    site.clock.now += 400 * DAY
    assert as_json("token", "purge")["audit_event"] == 0
    site.clock.now += 1
    assert as_json("token", "purge")["audit_event"] == 1


def test_batch_of_nothing_is_refused(site: Site) -> None:
    """A batch must hold at least a row, or a purge would never end."""
    assert "0 is not in the range" in site.run("token", "purge", "--batch", "0", status=2)


def test_purge_gives_way() -> None:
    """After each batch it rests for three times as long as that took, so that requests have their turn."""
    moments, slept = iter([0.0, 2.0, 8.0, 9.0, 12.0]), list[float]()
    rest = giving_way(3, monotonic=lambda: next(moments), sleep=slept.append)
    rest()
    rest()
    assert slept == [6.0, 3.0]
