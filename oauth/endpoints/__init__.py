"""The endpoints: from a Flask request to an answer.

`client_endpoints` has the token endpoint, and what it shares with revocation and introspection: from the form,
which `oauth/token_request.py` parses, to the answer to a refusal or an outage. `registration` lists the endpoints that are served. `routes` turns
what an endpoint declares into routes of Flask.

Owns: routes, metadata, CORS. Must not know: SQL, LDAP. Start reading at `client_endpoints.py`.
"""
