"""How many logins run at once: in this process, and for one user.

Owns: who waits, for how long, and who is refused at once. Must not know: the directory, counts of failures.
Start reading at `bulkhead.py`.
"""
