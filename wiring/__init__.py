"""From settings to objects: builds the parts of a server for `app.py`.

Owns: which implementation serves which contract, and which setting reaches it. Must not know: how any of them
works. Only `app.py` imports it. Start reading at `services.py`.

- `database.py`, `keys.py`, `services.py`, `login.py`, `oauth.py`, `web.py`: one part of a server each.
- `audit.py`: what writes to the audit besides tokens.
- `from_settings.py`: the settings of each package, as plain values.
- `start.py`: what keeps a server from starting.
- `worker.py`: a worker process; `key_check.py` and `rules.py` check keys and groups beside its requests.
"""
