"""Failed logins and refused passwords.

Owns: their rows, and the questions that limits ask of them. Must not know: the limits. Start reading at
`failure_store.py`.
"""
