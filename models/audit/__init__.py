"""The audit table.

Owns: which rows share a transaction with their subject, and which may wait. Must not know: its readers. Start
reading at `audit_store.py`.
"""
