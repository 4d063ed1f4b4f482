"""Registered clients and their secrets.

`client.py` has clients as values, and their cache; `client_store.py` reads and changes them in the database;
`client_import.py` registers those of another server.

Owns: their rows, the client cache, the import. Must not know: the protocol. Start reading at
`client_store.py`.
"""
