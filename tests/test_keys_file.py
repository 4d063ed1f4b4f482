"""The source of the root key, and when no new key may be made."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from settings.keyring import KeyRing, KeyringError, load_or_create

OLD = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc"
NEW = "other-kept-key-D3yKf6UjX1aGz5TeQo0v"


def _yes() -> bool:
    """Say that the database is empty."""
    return True


def _no() -> bool:
    """Say that the database holds rows."""
    return False


def _never() -> bool:
    """Fail, because this function must not be called."""
    raise AssertionError


def _write_key(instance: Path, content: str, mode: int = 0o600) -> Path:
    """Put a key file into the instance folder."""
    path = instance / "secret.key"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("ring", "sentence"),
    [
        ([], "NETID_SECRET_KEY holds no key."),
        (
            [OLD, "k" * 31],
            "NETID_SECRET_KEY holds too short a key: each needs 32 random characters or more.",
        ),
    ],
)
def test_a_ring_without_good_keys_is_refused(tmp_path: Path, ring: list[str], sentence: str) -> None:
    """A configured ring is used completely or refused."""
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, ring, may_create=_never)
    assert str(refused.value) == sentence


def test_configured_keys_win_over_the_file(tmp_path: Path) -> None:
    """A key from the settings makes the key file, and the folder, unneeded."""
    _write_key(tmp_path, OLD)
    assert load_or_create(tmp_path, [NEW], may_create=_never).derive("use") == KeyRing([NEW]).derive("use")
    load_or_create(tmp_path / "missing", [NEW], may_create=_never)
    assert not (tmp_path / "missing").exists()


def test_the_file_may_hold_several_keys(tmp_path: Path) -> None:
    """White space of any kind separates the keys of the file."""
    _write_key(tmp_path, f"{NEW}\n{OLD}\n")
    assert load_or_create(tmp_path, None, may_create=_never).derive("use") == KeyRing([NEW, OLD]).derive(
        "use"
    )


def test_a_new_key_is_made_for_an_empty_database(tmp_path: Path) -> None:
    """A first start makes 256 random bits that only the owner can read, and leaves nothing else behind."""
    instance = tmp_path / "deep" / "instance"
    load_or_create(instance, None, may_create=_yes)
    path = instance / "secret.key"
    assert [file.name for file in instance.iterdir()] == ["secret.key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    assert len(path.read_text(encoding="ascii").strip()) == 43


def test_the_second_start_uses_the_key_of_the_first(tmp_path: Path) -> None:
    """A made key is kept."""
    first = load_or_create(tmp_path, None, may_create=_yes)
    assert load_or_create(tmp_path, None, may_create=_never).derive("use") == first.derive("use")


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    """There is no default key."""
    first = load_or_create(tmp_path / "one", None, may_create=_yes)
    assert load_or_create(tmp_path / "two", None, may_create=_yes).derive("use") != first.derive("use")


def test_rows_without_their_key_refuse_to_start(tmp_path: Path) -> None:
    """If the database has rows, no new key replaces a lost one."""
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, None, may_create=_no)
    assert str(refused.value) == (
        "The database holds rows, but the server key that they were made with is missing: "
        f"set NETID_SECRET_KEY, or restore {tmp_path / 'secret.key'}."
    )
    assert list(tmp_path.iterdir()) == []


def test_rows_that_another_process_just_made_are_no_reason_to_refuse(tmp_path: Path) -> None:
    """The key is looked for once more when the database turns out not to be empty."""

    def meanwhile() -> bool:
        _write_key(tmp_path, NEW)
        return False

    assert load_or_create(tmp_path, None, may_create=meanwhile).derive("use") == KeyRing([NEW]).derive("use")


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    """Of many starts that all find no key, one makes it and the others read it."""
    barrier = threading.Barrier(16)
    rings: list[KeyRing] = []

    def together() -> bool:
        barrier.wait(timeout=30)
        return True

    def start() -> None:
        rings.append(load_or_create(tmp_path, None, may_create=together))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(rings) == 16
    assert len({ring.derive("use") for ring in rings}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def _empty(path: Path) -> None:
    """Leave the file without a key."""
    path.write_text("\n", encoding="ascii")


def _short(path: Path) -> None:
    """Cut the key off."""
    path.write_text(NEW[:31], encoding="ascii")


def _binary(path: Path) -> None:
    """Fill the file with bytes that are not text."""
    path.write_bytes(b"\xff" * 64)


def _huge(path: Path) -> None:
    """Fill the file with far too much."""
    path.write_text("k" * 70_000, encoding="ascii")


def _folder(path: Path) -> None:
    """Put a folder in the file's place."""
    path.unlink()
    path.mkdir(mode=0o700)


def _pipe(path: Path) -> None:
    """Replace the file by a pipe without a writer."""
    path.unlink()
    os.mkfifo(path, 0o600)


def _loop(path: Path) -> None:
    """Make the file a link to itself."""
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_empty, "holds no key."),
        (_short, "holds too short a key: each needs 32 random characters or more."),
        (_binary, "is not text."),
        (_huge, "is far too large."),
        (_folder, "is not a plain file."),
        (_pipe, "is not a plain file."),
        (_loop, "cannot be read: Too many levels of symbolic links."),
    ],
)
def test_a_spoiled_key_file_refuses_to_start(
    tmp_path: Path, spoil: Callable[[Path], None], fault: str
) -> None:
    """A key file that cannot be used is named in one sentence. It is not replaced, and no key is shown."""
    path = _write_key(tmp_path, NEW)
    spoil(path)
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, None, may_create=_never)
    assert str(refused.value) == f"The server key file {path} {fault}"
    assert path.is_symlink() or path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others could have read or replaced is refused, with the way to mend it."""
    path = _write_key(tmp_path, NEW, mode)
    if os.geteuid() == 0:
        # A group may read what belongs to root.
        os.chown(path, 65534, -1)
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, None, may_create=_never)
    assert str(refused.value) == (
        f"The server key file {path} is open to other users of this machine: chmod 600 {path}"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_key_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """A key file of another user is named, and no new key made."""
    path = _write_key(tmp_path, NEW, 0o000)
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, None, may_create=_never)
    assert str(refused.value) == f"The server key file {path} cannot be read: Permission denied."


def test_an_instance_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the place of the instance folder is one sentence, not a traceback."""
    in_the_way = tmp_path / "instance"
    in_the_way.touch()
    with pytest.raises(KeyringError) as refused:
        load_or_create(in_the_way, None, may_create=_yes)
    assert str(refused.value) == f"The instance folder {in_the_way} cannot be made: File exists."


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no file can be made in the folder, the sentence names the setting for a key."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyringError) as refused:
        load_or_create(tmp_path, None, may_create=_yes)
    assert str(refused.value) == (
        f"The server key file {tmp_path / 'secret.key'} cannot be made (No space left on device): "
        "set NETID_SECRET_KEY instead."
    )
    assert list(tmp_path.iterdir()) == []
