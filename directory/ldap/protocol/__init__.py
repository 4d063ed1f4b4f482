"""LDAP messages as bytes and as values.

Owns: writing requests, reading answers (RFC 4511), the password policy control, times, and what a result code
means. Must not know: connections, people. Start reading at `entry.py`, then `encode.py` and `decode.py`.
"""
