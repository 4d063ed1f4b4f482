"""Registered clients and their secrets.

Owns: their rows, the client cache, the import. Must not know: the protocol. Start reading at
`client_store.py`.
"""
