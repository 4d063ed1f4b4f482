"""The endpoints: from a Flask request to an answer.

Owns: routes, metadata, CORS. Must not know: SQL, LDAP. Start reading at `token.py`.
"""
