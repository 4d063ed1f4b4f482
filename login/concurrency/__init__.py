"""How many logins run at once: in this process, and for one person.

Owns: which logins wait, how long, and which are refused at once. Must not know: the directory, counts of
failures. Start reading at `bulkhead.py`.
"""
