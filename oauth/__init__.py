"""What does the protocol answer?

Owns: the OAuth grants and endpoints, one module each, and the answer for every outcome. Built on Authlib's
`AuthorizationServer` and `ResourceProtector`. If these are laxer than the RFC, a module of its own overrides
them. Must not know: ldap3, the directory package, SQL text, the settings object. Start reading at
`server.py`, then at a grant or an endpoint.

- `server.py`: Authlib's `AuthorizationServer`, which finds the grant of a request.
- `token_request.py`: the strict parser of form bodies. `declarations.py`: which parameters it accepts.
- `authorization/`: requests that come through a browser: how they are read and checked, and their answers.
- `logout/`: what a program asks for when its user signs out, and what programs are told.
- `responses.py`: JSON answers. `errors.py`: every error's text, status and headers.
- `protector.py`: the check of Bearer tokens at a resource, and its challenges.
- `audit.py`: what log and audit keep of a request.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from oauth.audit import Audit
    from oauth.authorization.request import (
        AuthorizationAnswer,
        AuthorizationRequest,
        RedirectedError,
        UnsafeRequest,
    )
    from oauth.clients.authentication import StrictClientAuthentication
    from oauth.endpoints.authorization.endpoint import Authorization
    from oauth.endpoints.cors import Origins
    from oauth.endpoints.device_verification import (
        DeviceState,
        DeviceUser,
        DeviceVerification,
        NotPermitted,
        TooManyGuesses,
        TypedCode,
        UnknownUserCode,
    )
    from oauth.endpoints.metadata import ServerMetadata
    from oauth.endpoints.registration import oauth_endpoints
    from oauth.errors import wire_error
    from oauth.grants.missing_person import note_missing_person
    from oauth.policy.app_password_rules import AppPasswordRules
    from oauth.policy.claims import PairwiseSubjects, released_claims_of
    from oauth.policy.membership import is_rule
    from oauth.policy.password_grant import KnownPeople, PasswordGrantRules
    from oauth.policy.restrictions import Restrictions
    from oauth.policy.rule_groups import Doubt, doubts, named_groups
    from oauth.policy.scope import ScopeRegistry, ScopeRules
    from oauth.protector import Protector
    from oauth.responses import REQUEST_ID, current_request_id, error_json, error_response, json_response
    from oauth.server import Policy, Server, Stores
    from oauth.tokens.device_codes import UserCodes, read_user_code, shown_user_code
    from oauth.tokens.format import ACCESS, REFRESH, key_of
    from oauth.tokens.issuer import Lifetimes, TokenIssuer
    from oauth.tokens.rotation import RotatedTokens
    from oauth.tokens.signing_keys import SigningKeys

__all__ = [
    "ACCESS",
    "REFRESH",
    "REQUEST_ID",
    "AppPasswordRules",
    "Audit",
    "Authorization",
    "AuthorizationAnswer",
    "AuthorizationRequest",
    "DeviceState",
    "DeviceUser",
    "DeviceVerification",
    "Doubt",
    "KnownPeople",
    "Lifetimes",
    "NotPermitted",
    "Origins",
    "PairwiseSubjects",
    "PasswordGrantRules",
    "Policy",
    "Protector",
    "RedirectedError",
    "Restrictions",
    "RotatedTokens",
    "ScopeRegistry",
    "ScopeRules",
    "Server",
    "ServerMetadata",
    "SigningKeys",
    "Stores",
    "StrictClientAuthentication",
    "TokenIssuer",
    "TooManyGuesses",
    "TypedCode",
    "UnknownUserCode",
    "UnsafeRequest",
    "UserCodes",
    "current_request_id",
    "doubts",
    "error_json",
    "error_response",
    "is_rule",
    "json_response",
    "key_of",
    "named_groups",
    "note_missing_person",
    "oauth_endpoints",
    "read_user_code",
    "released_claims_of",
    "shown_user_code",
    "wire_error",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_exports(
        __name__,
        {
            "audit": ("Audit",),
            "authorization.request": (
                "AuthorizationAnswer",
                "AuthorizationRequest",
                "RedirectedError",
                "UnsafeRequest",
            ),
            "clients.authentication": ("StrictClientAuthentication",),
            "endpoints.authorization.endpoint": ("Authorization",),
            "endpoints.cors": ("Origins",),
            "endpoints.device_verification": (
                "DeviceState",
                "DeviceUser",
                "DeviceVerification",
                "NotPermitted",
                "TooManyGuesses",
                "TypedCode",
                "UnknownUserCode",
            ),
            "endpoints.metadata": ("ServerMetadata",),
            "endpoints.registration": ("oauth_endpoints",),
            "errors": ("wire_error",),
            "grants.missing_person": ("note_missing_person",),
            "policy.app_password_rules": ("AppPasswordRules",),
            "policy.claims": ("PairwiseSubjects", "released_claims_of"),
            "policy.membership": ("is_rule",),
            "policy.password_grant": ("KnownPeople", "PasswordGrantRules"),
            "policy.restrictions": ("Restrictions",),
            "policy.rule_groups": ("Doubt", "doubts", "named_groups"),
            "policy.scope": ("ScopeRegistry", "ScopeRules"),
            "protector": ("Protector",),
            "responses": (
                "REQUEST_ID",
                "current_request_id",
                "error_json",
                "error_response",
                "json_response",
            ),
            "server": ("Policy", "Server", "Stores"),
            "tokens.device_codes": ("UserCodes", "read_user_code", "shown_user_code"),
            "tokens.format": ("ACCESS", "REFRESH", "key_of"),
            "tokens.issuer": ("Lifetimes", "TokenIssuer"),
            "tokens.rotation": ("RotatedTokens",),
            "tokens.signing_keys": ("SigningKeys",),
        },
    )
