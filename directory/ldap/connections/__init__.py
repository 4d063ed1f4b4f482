"""Connections to directory servers.

Owns: opening connections with TLS, pooling and leasing them, which server is used, deadlines, and the service
account's bind. Must not know: what a connection is used for, and people. Start reading at `session.py`.

- `session`: the operations of one login, and which of them may be repeated.
- `pool`: leases connections to threads.
- `servers`: which servers are good, and when a failed one is probed.
- `connector`, `dial`, `tls`, `uri`: open a connection.
- `service_account`: the bind of our own account.
- `connection`, `strategy`, `sockets`: operations, encoding, and bytes on one connection.
- `deadline`: ends every wait of a login at one moment.
"""
