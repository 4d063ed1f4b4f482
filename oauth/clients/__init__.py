"""Clients at the protocol: authentication, registration metadata, import.

`registration` says which metadata is valid, `restriction_rules` which restrictions are, `sign_in_rules` which
metadata of sign-in is. `redirect_uris` compares the redirect URI of a request with the registered ones.
`importing` reads
another server's clients; `import_members` says under which names. `url_encoding` detects passwords that a
program sends without encoding them.

Owns: how a client authenticates, and what may be registered. Must not know: tokens, people. Start reading at
`authentication.py`.
"""
