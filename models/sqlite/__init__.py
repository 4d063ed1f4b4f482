"""What SQLite alone needs: grouped commits and checkpoints of its write-ahead log.

Owns: when small writes share a transaction, and when checkpoints run. Must not know: tables. Start
reading at `group_commit.py`.
"""
