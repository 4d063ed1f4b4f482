"""Clients at the protocol: authentication, registration metadata, import.

Owns: how a client proves itself, and what may be registered. Must not know: tokens, people. Start reading
at `authentication.py`.
"""
