"""Reads the settings from the environment, from `config.toml`, and from the files of secrets.

Owns: which source wins, unknown names, and the configuration file. Must not know: what a value means. No
error message repeats a value: it may be a secret, even where a path was expected.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.private_files import NotPrivate, read_bounded, read_secret, refuse_careless, refuse_changeable
from core.setting_mistakes import PREFIX, variable
from core.setting_rules import file_fault

INSTANCE_PATH = "NETID_INSTANCE_PATH"
CONFIG_FILE_NAME = "config.toml"
# An unknown name gets a suggestion if a known name is this similar (difflib's ratio).
_MIN_SIMILARITY = 0.7


@dataclass(slots=True)
class Found:
    """What the sources hold.

    - `values`: raw values by field name.
    - `origins`: where a value from a file came from, by field name.
    - `files`: the path of each secret that has a file of its own.
    - `broken`: fields whose value may be given but cannot be read, so that it cannot be checked.
    - `mistakes`: whole sentences.
    """

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    origins: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    mistakes: list[str] = field(default_factory=list)

    def refuse(self, name: str, sentence: str) -> None:
        """Add a mistake that leaves a setting without a value.

        Args:
            name: The setting's field name.
            sentence: The whole sentence.
        """
        self.broken.add(name)
        self.mistakes.append(sentence)


@dataclass(frozen=True, slots=True)
class _Source:
    """The environment or the configuration file. `given` has its values by field name (also `…_file`)."""

    given: Mapping[str, object] = field(repr=False)
    base: Path
    origin: str
    empty_is_off: Collection[str]


def gather(
    instance: Path,
    environ: Mapping[str, str],
    fields: Collection[str],
    secrets: Collection[str],
    empty_is_off: Collection[str] = (),
) -> Found:
    """Collect the values of all settings.

    Args:
        instance: The instance folder, where `config.toml` may be.
        environ: The environment; it wins over the file.
        fields: The names of all settings.
        secrets: The settings that may come from a file of their own.
        empty_is_off: The settings that an empty value switches off.

    Returns:
        The values and the mistakes.
    """
    found = Found()
    names = [*fields, *(f"{name}_file" for name in secrets)]
    from_environment = {
        # A name that is not all upper case keeps its prefix, so that it matches no setting below.
        name.removeprefix(PREFIX).lower() if name == name.upper() else name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name != INSTANCE_PATH
    }
    _take(found, _Source(from_environment, Path(), "", empty_is_off), fields, secrets)
    found.mistakes += _unknown(from_environment, [*names, "instance_path"], "")
    config = instance / CONFIG_FILE_NAME
    try:
        from_file = _read_config(config, secrets)
    except ValueError as error:
        found.mistakes.append(str(error))
        found.broken.update(set(fields) - set(found.values))
        return found
    origin = f" (in {config})"
    _take(found, _Source(from_file, instance, origin, empty_is_off), fields, secrets)
    found.mistakes += _unknown(from_file, names, origin)
    return found


def _take(found: Found, source: _Source, fields: Collection[str], secrets: Collection[str]) -> None:
    """Add the values of a source. A setting that an earlier source has is skipped."""
    for name in fields:
        value = source.given.get(name, "")
        file = source.given.get(f"{name}_file", "") if name in secrets else ""
        label = variable(name) + source.origin
        # An empty value counts as not set: compose files and unit files pass one for a missing variable.
        off = name in source.empty_is_off and name in source.given
        if name in found.values or name in found.broken or (value == "" and file == "" and not off):
            continue
        if value != "" and file != "":
            found.refuse(name, f"{label} and {variable(name)}_FILE are both given; give one of them.")
        elif file != "":
            _take_from_file(found, source, name, file)
        elif isinstance(value, str) and not _is_unicode(value):
            found.refuse(name, f"{label} holds bytes that are not UTF-8 text.")
        else:
            is_path = name.endswith("_file") and isinstance(value, str)
            found.values[name] = source.base / str(value) if is_path else value
            found.origins[name] = source.origin


def _take_from_file(found: Found, source: _Source, name: str, file: object) -> None:
    """Add a secret that has a file of its own."""
    label = f"{variable(name)}_FILE{source.origin}"
    if not isinstance(file, str):
        return found.refuse(name, f"{label} must be a path, in quotes.")
    path = source.base / file
    fault = file_fault(path, tell="/" in file)
    if fault:
        return found.refuse(name, f"{label} {fault}.")
    try:
        # An editor adds a newline at the end, which is not part of the secret.
        secret = re.sub(r"\r?\n\Z", "", read_secret(path).decode())
    except NotPrivate as refused:
        return found.refuse(name, f"{label} names a file that {refused}.")
    except (OSError, UnicodeDecodeError):
        return found.refuse(name, f"{label} names a file that is not UTF-8 text: {path}.")
    if not secret:
        return found.refuse(name, f"{label} names an empty file: {path}.")
    found.values[name] = secret
    found.origins[name] = f" (from the file {path})"
    found.files[name] = path.absolute()
    return None


def _read_config(config: Path, secrets: Collection[str]) -> dict[str, object]:
    """Read the configuration file, which need not exist. Raises ValueError with a whole sentence.

    If the file holds a secret, only its owner may read it. A file that every user can change is refused.
    """
    content = b""
    try:
        content, state = read_bounded(config)
        refuse_changeable(config, state)
        values = tomllib.loads(content.decode())
        if any(values.get(name, "") != "" for name in secrets):
            refuse_careless(config, state, user=os.geteuid())
    except FileNotFoundError:
        return {}
    except NotPrivate as refused:
        raise ValueError(f"{config} {refused}.") from None
    except OSError as error:
        raise ValueError(f"{config} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{config}, line {line}, is not UTF-8 text.") from None
    except ValueError as error:
        # tomllib's messages have places, keys and control characters, but no values.
        what, _, place = str(error).removesuffix(")").partition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else content.count(b"\n") + 1
        raise ValueError(f"{config}, line {line}, is not TOML: {what}.") from None
    return values


def _unknown(given: Collection[str], names: Collection[str], origin: str) -> list[str]:
    """Refuse unknown names: a typo in the name of the bind DN must not cause an anonymous bind."""
    mistakes = []
    for key in given:
        if key in names:
            continue
        bare = key.lower().removeprefix(PREFIX.lower())
        label = key if key.startswith(PREFIX) else variable(key)
        sentence = f"{label if label.isidentifier() else ascii(label)}{origin} is not a setting"
        close = difflib.get_close_matches(bare, names, n=1, cutoff=_MIN_SIMILARITY)
        if close:
            sentence += f"; did you mean {variable(close[0])}" + (
                f", in that file {close[0]}?" if origin else "?"
            )
        elif origin and variable(bare) == INSTANCE_PATH:
            sentence += " of that file: it can only be given in the environment."
        mistakes.append(sentence if sentence.endswith(("?", ".")) else f"{sentence}.")
    return mistakes


def _is_unicode(value: str) -> bool:
    """Whether a text can be encoded as UTF-8. Other bytes of the environment are read as surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
