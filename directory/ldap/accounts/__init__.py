"""The state of an account: disabled, expired, locked, and how near to a lock.

Owns: what the attributes of each kind of directory say of it. Must not know: how an entry is found. Start
reading at `status.py`.
"""
