"""Finds users by login name or stable id, and reads them.

Owns: which entry a login name or an id leads to, how names are normalized and escaped, what an entry says
about its user, and groups. Must not know: sockets, TLS, whether a password is right. Start reading at
`lookup.py`.
"""
