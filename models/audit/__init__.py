"""The audit table.

Owns: which row is written with what it tells of, and which may wait. Must not know: who reads it. Start
reading at `audit_store.py`.
"""
