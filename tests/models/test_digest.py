"""The keys of rows, and the form of client secrets."""

import pytest

from models import has_our_form, hour_prefix, moment_prefix, new_grant_id
from models.keys.digest import make_secret


def test_grant_keys_sort_by_time() -> None:
    """A grant's key sorts after all earlier keys, across hours too, and keys are unique."""
    moments = [7199, 7199.996, 7200, 7200.004, 7201, 7455, 7456, 10_799.5, 10_800]
    keys = [new_grant_id(at) for at in moments]
    assert keys == sorted(keys)
    assert [key[:6] for key in keys] == [moment_prefix(at) for at in moments]
    assert [key[:3] for key in keys] == [hour_prefix(int(at)) for at in moments]
    assert {len(key) for key in keys} == {19}
    assert new_grant_id(7200) != new_grant_id(7200)


def test_generated_secret_has_our_form() -> None:
    """Each secret that this server makes has the form that is exempt from limits on guessing."""
    assert all(has_our_form(make_secret()) for _ in range(100))


@pytest.mark.parametrize(
    "secret", ["", "summer2019", "nids_", "nids_short", "x" * 48, "NIDS_" + "x" * 43, "nids_" + "x" * 44]
)
def test_other_secret_has_another_form(secret: str) -> None:
    """A shorter, longer or differently begun secret may be guessable."""
    assert not has_our_form(secret)
