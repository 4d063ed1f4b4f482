"""Grants, access tokens and refresh tokens.

`grant.py` has what an issue stores and a look-up returns, with the statements for it. `grant_store.py`
issues, finds and revokes, and keeps the cap; `refresh_store.py` finds and rotates refresh tokens.
`redeem.py` uses up a code in the transaction that issues its grant. `programs.py` lists the clients that
hold a user's grants. `grant_listing.py` is for operators and users, `unused_codes.py` ends codes before the
grants. `purge.py` deletes what has ended.

Owns: issue, rotation, revocation, the cap on grants, the purge. Must not know: the format of tokens. Start
reading at `grant_store.py`.
"""
