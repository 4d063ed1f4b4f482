"""Every setting of the server, declared once with its type, default, description and check.

Owns: the settings, the sources of their values, contradictions between them, and the server's keys.
Must not know: the packages that use them, which get plain values and never the settings object. The one
exception is `directory.ldap.config`, which declares the settings of a directory.

To add a setting: declare it in `declarations.py`, or in `directory/ldap/config.py` if it is the directory's.
Describe it in `instance/config.example.toml`, which a test compares. Hand it to the package that uses it in
`wiring/from_settings.py`; a directory's setting arrives by itself. Start reading at `declarations.py`.
"""

from core.setting_mistakes import variable
from settings.declarations import DATABASE_FILE_NAME, SECRETS, Described, Settings
from settings.loading import SettingsError, instance_path, load_settings

SECRET_VARIABLES = tuple(map(variable, SECRETS))
"""Environment variables that hold a secret themselves, and not the name of its file."""

__all__ = [
    "DATABASE_FILE_NAME",
    "SECRETS",
    "SECRET_VARIABLES",
    "Described",
    "Settings",
    "SettingsError",
    "instance_path",
    "load_settings",
]
