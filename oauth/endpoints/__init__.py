"""The endpoints: from a Flask request to an answer.

`client_endpoints` has the token endpoint, and what it shares with revocation and introspection: it has
`oauth/token_request.py` parse the form, and answers a refusal or an outage. `registration` lists the
endpoints of a server. `routes` turns what an endpoint declares into routes of Flask. `authorization/` has the
authorization endpoint and pushed requests. `device` gives a device its codes, and `device_verification` takes
the user's decision. `protected_resource` publishes the metadata of the server's own resources (RFC 9728).

Owns: routes, metadata, CORS. Must not know: SQL, LDAP. Start reading at `client_endpoints.py`.
"""
