"""Connections to directory servers.

Owns: opening them with TLS, keeping and lending them, which server may be used, deadlines, and the service
account's bind. Must not know: what is asked over a connection, and people. Start reading at `session.py`.
"""
