"""Tokens: their format, lifetimes, signatures and rotation.

`contents` is what a token says, and `id_token` what an ID token adds. `format` is how a token is written and
under which key it is stored. `issuer` makes grants, access tokens and ID tokens. `rotation` derives the token
that replaces a refresh token. `presented` finds a token that a client sends back. `jws` signs; `signing_keys`
says which key signs.

Owns: the format and the contents of a token, and how a grant is issued. Must not know: who may have a token,
SQL. Start reading at `issuer.py`.
"""
