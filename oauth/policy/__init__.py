"""What a request may have: scope, audience, claims, and which people and networks are refused.

Owns: the rules that a grant applies before and after the password. Must not know: how a person is
authenticated, and what an answer looks like. Start reading at `scope.py`.
"""
