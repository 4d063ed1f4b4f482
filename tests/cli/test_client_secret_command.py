"""`flask client rotate-secret` and `retire-secret`, as the programs that use the secrets see them."""

from dataclasses import replace

import pytest

from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site

DAY = 86_400


def opens(site: Site, client: Registered) -> bool:
    """Whether the token endpoint accepts the client's secret."""
    status = site.ask_token(client).status_code
    assert status in {200, 401}
    return status == 200


def test_both_secrets_work_until_the_old_one_ends(as_json: Run, site: Site) -> None:
    """After a rotation a program may use either secret until the old one ends."""
    old = site.register("Library")
    rotated = as_json("client", "rotate-secret", "Library", "--expires", "7d")
    new = replace(old, secret=rotated["client_secret"])
    assert new != old
    assert opens(site, old)
    assert opens(site, new)
    site.clock.now += 7 * DAY - 1
    assert opens(site, old)
    site.clock.now += 1
    assert not opens(site, old)
    assert opens(site, new)


def test_rotation_prints_the_client_with_its_new_secret(as_json: Run, site: Site) -> None:
    """The object is the one that a creation prints, and it shows when the old secret ends."""
    site.register("Library")
    rotated = as_json("client", "rotate-secret", "Library", "--expires", "60s")
    assert rotated["client_secret"].startswith("nids_")
    assert rotated["client_secret_expires_at"] == 0
    ends = [(secret["serial"], secret["not_after"]) for secret in rotated["secrets"]]
    assert ends == [(1, NOON + 60), (2, None)]


def test_rotation_for_people(site: Site) -> None:
    """The output has the new secret, the end of the old ones, and a reminder to keep the secret."""
    client = site.register("Library")
    result = site.app.test_cli_runner().invoke(args=["client", "rotate-secret", "Library"])
    printed = result.stdout.splitlines()
    assert printed[0].split() == ["client_id", client.client_id]
    assert "nids_" in printed[1]
    assert printed[2].split(maxsplit=3)[-1] == "2027-01-22 08:00:00Z"
    assert "cannot be shown again" in result.stderr


@pytest.mark.parametrize(
    ("expires", "ends"),
    [
        ("now", NOON),
        ("90s", NOON + 90),
        ("30m", NOON + 1800),
        ("12h", NOON + DAY // 2),
        ("7d", NOON + 7 * DAY),
        ("2030-01-31", 1_896_048_000),
        ("2030-01-31T12:00", 1_896_091_200),
        ("2030-01-31T12:00+02:00", 1_896_084_000),
    ],
)
def test_end_may_be_a_period_a_date_or_now(as_json: Run, site: Site, expires: str, ends: int) -> None:
    """An end is a period from now, a date in UTC, or `now`."""
    site.register("Library")
    rotated = as_json("client", "rotate-secret", "Library", "--expires", expires)
    assert rotated["secrets"][0]["not_after"] == ends


@pytest.mark.parametrize("expires", ["soon", "7", "-1d", "7w", "", "2030-13-01", "9999-12-31T23:00-05:00"])
def test_unreadable_end_is_refused(refusal: Run, as_json: Run, site: Site, expires: str) -> None:
    """An end that cannot be read is refused before anything is changed."""
    site.register("Library")
    assert "neither a time like 7d nor a date" in refusal(
        "client", "rotate-secret", "Library", "--expires", expires
    )
    assert len(as_json("client", "show", "Library")["secrets"]) == 1


def test_end_in_the_past_is_refused(refusal: Run, site: Site) -> None:
    """A date in the past is a typing error, and ends no secret."""
    client = site.register("Library")
    assert "has passed" in refusal("client", "rotate-secret", "Library", "--expires", "2020-01-31")
    assert opens(site, client)


def test_expires_now_ends_the_old_secret_at_once(as_json: Run, site: Site) -> None:
    """A leaked secret is replaced without an overlap."""
    old = site.register("Library")
    rotated = as_json("client", "rotate-secret", "Library", "--expires", "now")
    assert not opens(site, old)
    assert opens(site, replace(old, secret=rotated["client_secret"]))


def test_public_client_has_no_secret_to_rotate(refusal: Run, as_json: Run) -> None:
    """A public client cannot get a secret."""
    as_json("client", "create", "an app", "--auth-method", "none")
    assert refusal("client", "rotate-secret", "an app").endswith("is a public client: it has no secret.")


def test_retired_secret_is_dead(as_json: Run, site: Site) -> None:
    """A retired secret is refused at once, and the other secret works."""
    old = site.register("Library")
    new = replace(old, secret=as_json("client", "rotate-secret", "Library")["client_secret"])
    retired = as_json("client", "retire-secret", "Library", "1")
    assert [secret["not_after"] for secret in retired["secrets"]] == [NOON, None]
    assert not opens(site, old)
    assert opens(site, new)


def test_retiring_for_people(site: Site) -> None:
    """The output lists the secrets, and when the retired one ended."""
    site.register("Library")
    assert (
        site.run("client", "retire-secret", "Library", "1")
        .splitlines()[-1]
        .endswith("ended 2027-01-15 08:00:00Z")
    )


@pytest.mark.parametrize("serial", ["2", "0", "99999999999999999999999"])
def test_unknown_secret_number_is_refused(refusal: Run, site: Site, serial: str) -> None:
    """The refusal names the number that no secret has."""
    site.register("Library")
    assert refusal("client", "retire-secret", "Library", serial).endswith(f"has no secret number {serial}.")
