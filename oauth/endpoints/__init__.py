"""The endpoints: from a Flask request to an answer.

`client_endpoints` has the token endpoint, and what it shares with revocation and introspection: reading the
form, and answering a refusal or an outage. `registration` lists the endpoints that are served. `routes` turns
what an endpoint declares into routes of Flask.

Owns: routes, metadata, CORS. Must not know: SQL, LDAP. Start reading at `client_endpoints.py`.
"""
