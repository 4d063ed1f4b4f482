"""What does the protocol answer?

Owns: the OAuth endpoints, one module an RFC or grant; what every outcome reads like on the wire. Built on
Authlib's `AuthorizationServer` and `ResourceProtector`; where these are laxer than the RFC, the override
stands in a module of its own. Must not know: ldap3, the directory package, SQL text, the settings object.
"""

from oauth.bearer import Protector
from oauth.claims import told_of
from oauth.cors import Origins, preflights
from oauth.endpoints import oauth_endpoints
from oauth.errors import wire_error
from oauth.lifetimes import Lifetimes
from oauth.membership import is_rule
from oauth.pairwise import PairwiseSubjects
from oauth.refusals import Refusals
from oauth.responses import error_response, json_response
from oauth.restrictions import Restrictions
from oauth.rule_groups import Doubt, doubts, named_groups
from oauth.scope_rules import Catalogue
from oauth.server import Server
from oauth.signing_keys import SigningKeys
from oauth.token_format import ACCESS, REFRESH, key_of
from oauth.userinfo import userinfo_endpoint

__all__ = [
    "ACCESS",
    "REFRESH",
    "Catalogue",
    "Doubt",
    "Lifetimes",
    "Origins",
    "PairwiseSubjects",
    "Protector",
    "Refusals",
    "Restrictions",
    "Server",
    "SigningKeys",
    "doubts",
    "error_response",
    "is_rule",
    "json_response",
    "key_of",
    "named_groups",
    "oauth_endpoints",
    "preflights",
    "told_of",
    "userinfo_endpoint",
    "wire_error",
]
