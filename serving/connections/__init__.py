"""Connections and request bodies of one worker.

Owns: how long a body may hold a thread, and which idle connections end. Must not know: what a request asks
for. Start reading at `reaper.py`.

- `reaper.py`: the thread that ends slow bodies and idle connections.
- `body_limit.py`: which slow bodies end. `connection_table.py`: which idle connections end.
- `request_tracker.py`: the requests in progress, and the latest ones.
- `sockets.py`: the open connections, as Linux shows them. `descriptors.py`: how many a process may have.
"""
