"""Connections to directory servers.

Owns: opening connections with TLS, pooling and leasing them, which server is used, deadlines, and the service
account's bind. Must not know: what a connection is used for, and people. Start reading at `session.py`.
"""
