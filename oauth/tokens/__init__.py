"""Tokens: their format, lifetimes, signatures and rotation.

`contents` is what a token says, and `id_token` what an ID token adds. `format` is how a token is written and
under which key it is stored. `issuer` makes grants, access tokens and ID tokens. `rotation` derives the token
that replaces a refresh token. `presented` finds a token that a client sends back. `jws` signs; `signing_keys`
says which key signs. `handles` makes the texts that name a stored row for a short time, such as an
authorization code. `device_codes` makes and reads the codes that a user types. `session_ids` makes the `sid`
of ID tokens, and `id_token_hint` reads an ID token that comes back.

Owns: the format and the contents of a token, and how a grant is issued. Must not know: who may have a token,
SQL. Start reading at `issuer.py`.
"""
