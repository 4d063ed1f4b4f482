"""LDAP messages as bytes and as values.

Owns: encoding requests and decoding responses (RFC 4511), the password policy control, times, and the meaning
of result codes. Must not know: connections, people. Start reading at `entry.py`.

- `entry`: entries and results as values, and the times in attributes.
- `encode`, `decode`: our codec.
- `results`: which result refuses a user, and which means an outage.
- `password_policy`: the control that gives the reason of a refusal.
- `server_text`: reasons in texts of servers, and which texts may be logged.
"""
