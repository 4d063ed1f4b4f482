"""Keys of rows, as they are made before a database sees them."""

from models import hour_prefix, moment_prefix, new_grant_id


def test_keys_of_grants_follow_time() -> None:
    """A grant's key sorts after those of every moment before it, across hours too, and no two are alike."""
    moments = [7199, 7199.996, 7200, 7200.004, 7201, 7455, 7456, 10_799.5, 10_800]
    keys = [new_grant_id(at) for at in moments]
    assert keys == sorted(keys)
    assert [key[:6] for key in keys] == [moment_prefix(at) for at in moments]
    assert [key[:3] for key in keys] == [hour_prefix(int(at)) for at in moments]
    assert {len(key) for key in keys} == {19}
    assert new_grant_id(7200) != new_grant_id(7200)
