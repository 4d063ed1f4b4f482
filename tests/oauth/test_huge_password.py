"""A huge password costs little (FreeIPA CVE-2020-1722; SASLprep takes a second for a megabyte)."""

import time
from collections.abc import Callable

import pytest

from tests.conftest import Site
from tests.fakes import FakeDirectory
from tests.oauth.answers import INVALID_GRANT, status_and_error


@pytest.mark.parametrize(
    "password", ["x" * 1025, "ä" * 2500, "\ufdfa" * 1500], ids=["ascii", "latin", "long"]
)
def test_password_over_1024_octets_is_wrong(site: Site, password: str) -> None:
    """A password over 1024 octets is refused as wrong, in little time."""
    client = site.register()
    site.ask_token(client, password="wrong")
    took = []
    for _ in range(3):
        began = time.process_time()
        assert status_and_error(site.ask_token(client, password=password)) == INVALID_GRANT
        took.append(time.process_time() - began)
    assert min(took) < 0.05
    assert site.log_lines()[-1]["reason"] == "unacceptable"


def test_body_over_16_kib_reaches_no_directory(make_site: Callable[..., Site]) -> None:
    """A body of a megabyte is refused before the password is read (RFC 9110, 15.5.14)."""
    directory = FakeDirectory()
    site = make_site(directory)
    assert site.ask_token(site.register(), password="x" * 2**20).status_code == 413
    assert directory.asked == []
