"""Is this server set up as RFC 9700 and OWASP ASVS 5.0, V10, ask for?

Owns: the checks of the settings and of the stored rows, one module a subject. Each check is a pure function
of a `Snapshot`, and names what it finds with its weight, the remedy and the requirement. Must not know: SQL,
the network, how a finding is printed. No finding has a secret, and no check logs in anywhere. Start reading
at `self_audit.py`, then at `snapshot.py`.
"""
