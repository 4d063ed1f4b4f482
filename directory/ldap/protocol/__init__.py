"""LDAP messages as bytes and as values.

Owns: encoding requests and decoding responses (RFC 4511), the password policy control, times, and the meaning
of result codes. Must not know: connections, people. Start reading at `entry.py`, `encode.py` and `decode.py`.
"""
