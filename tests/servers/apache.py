"""Apache in the foreground, with mod_auth_openidc."""

import os
from pathlib import Path

from tests.clients.recipes import missing

_MODULES = Path("/usr/lib/apache2/modules")
_NAMES = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "dir", "auth_openidc")


def require_openidc() -> None:
    """Skip the test if mod_auth_openidc is not installed; in CI, fail it."""
    if not (_MODULES / "mod_auth_openidc.so").exists():
        missing("libapache2-mod-auth-openidc")


def apache_configuration(folder: Path, port: int, included: Path) -> str:
    """Return a configuration that serves a folder and includes a file. X-Net-Id is the REMOTE_USER.

    Args:
        folder: The document root, and the place of the log.
        port: Of the loopback address.
        included: The file under test.
    """
    modules = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _NAMES)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    return f"""
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
{user}
DocumentRoot {folder}
DirectoryIndex index.html
<Directory />
    AllowOverride None
</Directory>
Header always set X-Net-Id expr=%{{REMOTE_USER}}
Include {included}
"""
