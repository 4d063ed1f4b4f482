"""What a request may have: scope, audience, claims, and which people and networks are refused.

`scope`, `audience` and `claims` (with the pairwise `sub`) decide what a token contains. `restrictions`
refuses people and networks. `approvals` applies all of them to what a signed-in user approves.
`claims_request` reads the parameter `claims`, and `acr` says how a user signed in. `membership` says which
people a rule means; scopes and restrictions use it.
`password_grant` says when a client may use that grant, for the reasons in `closed_reason`.
`rule_groups` checks that the directory has the groups that rules name; no token request uses it.

Owns: the rules that a grant applies before and after the password. Must not know: how a person is
authenticated, and what an answer looks like. Start reading at `scope.py`.
"""
