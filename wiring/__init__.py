"""From settings to objects: builds the parts of a server for `app.py`.

Owns: which implementation serves which contract, and which setting reaches it. Must not know: how any of them
works. Only `app.py` imports it. Start reading at `services.py`.

- `database.py`, `keys.py`, `services.py`, `login.py`, `oauth.py`, `web.py`: one part of a server each.
- `audit.py`: what writes to the audit besides tokens.
- `from_settings.py`: the settings of each package, as plain values.
- `start.py`: what keeps a server from starting.
- `worker.py`: a worker process; `key_check.py` and `directory_check.py` check keys, settings and groups
  beside its requests.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from wiring.oauth import open_server
    from wiring.web import add_pages, new_application, sign_sessions

__all__ = ["add_pages", "new_application", "open_server", "sign_sessions"]

if not TYPE_CHECKING:
    __getattr__ = lazy_exports(
        __name__,
        {"oauth": ("open_server",), "web": ("add_pages", "new_application", "sign_sessions")},
    )
