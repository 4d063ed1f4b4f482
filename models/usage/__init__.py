"""How clients use the password grant: counted by client and day from the audit, which is written anyway.

Owns: that no audit row is counted twice, and none is lost to a crash or to the purge. Must not know: reports,
or what a client should move to. Start reading at `roll_up.py`, which reads the audit; `tally.py` counts,
`tally_store.py` stores, `client_usage.py` and `client_users.py` are what others read. `past_uses.py` reads
the audit and the grants themselves.
"""
