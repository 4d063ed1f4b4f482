"""The endpoints: from a Flask request to an answer.

`client_endpoints` has the token endpoint, and what it shares with revocation and introspection: it has
`oauth/token_request.py` parse the form, and answers a refusal or an outage. `registration` lists the
endpoints of a server. `routes` turns what an endpoint declares into routes of Flask.

Owns: routes, metadata, CORS. Must not know: SQL, LDAP. Start reading at `client_endpoints.py`.
"""
