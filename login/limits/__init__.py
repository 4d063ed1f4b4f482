"""Limits on failed logins and on failed authentications of clients.

Owns: how failures are counted by user, client, address and server, and when a limit is reached. Must not
know: the directory, SQL. Start reading at `throttle.py`, which applies the limits to logins. `limits` reads
them as an operator writes them, `failure_counters` reads and records failures, `client_failures` is for
clients.
"""
