"""Tokens: their format, lifetimes, signatures and rotation.

Owns: the format and the contents of a token, and how a grant is issued. Must not know: who may have a token,
SQL. Start reading at `issuer.py`.
"""
