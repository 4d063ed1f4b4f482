"""`flask password-grant …`: the way out of the password grant.

Owns: the options of its commands, and how policies are printed. Must not know: rows, and what a policy
refuses. Start reading at `password_grant.py`.
"""
