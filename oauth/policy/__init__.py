"""What a request may have: scope, audience, claims, and who is refused.

Owns: the rules that a grant asks before and after the password. Must not know: how a user was
authenticated, what an answer looks like. Start reading at `scope.py`.
"""
