"""The state of an account: disabled, expired or locked, and how near to a lock.

Owns: which refusal follows from an entry. Must not know: how an entry is found. Start reading at `status.py`.
"""
