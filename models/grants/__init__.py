"""Grants, access tokens and refresh tokens.

Owns: issue, rotation, revocation, the cap on grants, the purge. Must not know: the format of tokens. Start
reading at `grant_store.py`.
"""
