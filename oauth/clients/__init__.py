"""Clients at the protocol: authentication, registration metadata, import.

Owns: how a client authenticates, and what may be registered. Must not know: tokens, people. Start reading at
`authentication.py`.
"""
