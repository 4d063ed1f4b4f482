"""Loading the settings from the environment and `config.toml`.

Owns: the order of loading, and that all mistakes are reported at once. Must not know: any single setting.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from core.setting_mistakes import find_mistakes
from settings import sources
from settings.declarations import EMPTY_IS_OFF, NAMES, SECRETS, Settings


class SettingsError(Exception):
    """The settings cannot be used. `mistakes` has a sentence for each mistake, without any secret."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def load_settings(instance: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment and from `config.toml`.

    Args:
        instance: The instance folder, where `config.toml` may be.
        environ: The environment; it wins over the file.

    Returns:
        Settings that are valid together.

    Raises:
        SettingsError: With every mistake.
    """
    found = sources.gather(instance, environ, NAMES, SECRETS, EMPTY_IS_OFF)
    if not found.mistakes:
        with contextlib.suppress(ValidationError):
            return Settings(**found.values).with_files(found.files)
    raise SettingsError(
        found.mistakes
        + find_mistakes(
            lambda values: Settings(**values), found.values, origins=found.origins, broken=found.broken
        )
    )


def instance_path(environ: Mapping[str, str], default: Path) -> Path:
    """Find the instance folder, whose `config.toml` may have the other settings.

    Args:
        environ: The environment; `NETID_INSTANCE_PATH` in it is relative to the working folder.
        default: The folder if it is not set.

    Returns:
        The absolute path. The folder need not exist.
    """
    return Path(environ.get(sources.INSTANCE_PATH) or default).absolute()
