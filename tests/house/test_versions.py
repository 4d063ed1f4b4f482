"""Libraries that had a weakness are installed in a release that has it no more."""

from importlib.metadata import version

import pytest


@pytest.mark.parametrize(
    ("library", "least"),
    [
        ("Authlib", (1, 9, 9)),  # a confidential client passed without its secret
        ("Flask", (3, 1, 3)),  # CVE-2023-30861, CVE-2025-47278, CVE-2026-27205
        ("Werkzeug", (3, 1, 6)),  # CVE-2024-34069, CVE-2025-66221, CVE-2026-21860, CVE-2026-27199
    ],
)
def test_release_without_the_known_weaknesses(library: str, least: tuple[int, ...]) -> None:
    """What is installed is at least the release that the advisories name."""
    assert tuple(int(part) for part in version(library).split(".")[:3]) >= least
