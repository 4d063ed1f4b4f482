"""Limits on failed logins.

Owns: how failures are counted by user, client, address and server, and when a limit is reached. Must not
know: the directory, SQL. Start reading at `throttle.py`.
"""
