"""An app password that an operator types in the wrong place is sent to no directory, and is not repeated."""

import pytest

from login.app_passwords import new_app_password
from tests.conftest import Site
from tests.fakes import FakeDirectory
from tests.faults import rows

VALUE = new_app_password()
SENTENCE = "Error: This looks like an app password, which is never sent to the directory.\n"


@pytest.mark.parametrize(
    "typed", [VALUE, f" {VALUE.upper()}", "nidp_mistyped"], ids=["as made", "in capitals", "mistyped"]
)
@pytest.mark.parametrize(
    "words",
    [
        ("person", "why"),
        ("person", "unblock"),
        ("person", "logout", "--yes"),
        ("session", "list", "--person"),
        ("grant", "list", "--person"),
        ("audit", "list", "--person"),
        ("app-password", "list", "--person"),
        ("app-password", "create", "Library", "--label", "x", "--days", "3"),
        ("scope", "explain", "Library"),
        ("directory", "check"),
    ],
    ids=" ".join,
)
def test_name_that_is_an_app_password_is_refused(
    faked: Site, fake: FakeDirectory, words: tuple[str, ...], typed: str
) -> None:
    """One sentence, nothing changed, and no question to the directory."""
    faked.register("Library")
    assert faked.run(*words, typed, status=1) == SENTENCE
    assert (fake.asked, fake.sought, fake.bound) == ([], [], [])
    assert typed.strip() not in faked.log.getvalue() + str(rows(faked, "audit_event"))


def test_password_that_is_an_app_password_is_not_tried(site: Site) -> None:
    """`flask directory check --password` binds with Net ID passwords alone."""
    printed = site.run("directory", "check", "alice", "--password", stdin=f"{VALUE}\n", status=1)
    assert printed == SENTENCE
