"""From a login name or a stable id to a person.

Owns: which entry a name leads to, how a name is normalized and escaped, what an entry says of a person, and
groups. Must not know: sockets, servers, whether a password is right. Start reading at `lookup.py`.
"""
