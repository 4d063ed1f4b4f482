"""Tokens: their format, lifetimes, signatures and rotation.

Owns: what a token looks like and says. Must not know: who may have one, rows. Start reading at `issuer.py`.
"""
