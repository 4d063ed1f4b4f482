"""What have we registered and issued?

Owns: tables, migrations, digests of secrets, and every SQL statement. Must not know: Flask (except the `db`
object), LDAP, Authlib, the settings object. A row refers to a person by two strings only: `grant.subject` is
the person's stable id in `grant.directory`. Start reading at `tables.py`.
"""

from models.app_passwords.app_password import UNUSED_SECONDS, AppPassword
from models.app_passwords.app_password_owners import app_password_subjects_of
from models.app_passwords.app_password_store import (
    MAX_APP_PASSWORDS,
    MAX_MADE_IN_A_DAY,
    AppPasswordStore,
    TooManyAppPasswords,
    TooManyInADay,
    end_event,
)
from models.app_passwords.app_password_use import AppPasswordEnded, AppPasswordUse
from models.audit.audit_listing import AuditSelection, ListedEvent, list_events
from models.audit.audit_store import RefusalLedger, record, record_after
from models.audit.closed_reason import ClosedReason
from models.authorizations.approval import Approval
from models.authorizations.code_store import AuthorizationCode, CodeStore
from models.authorizations.consent_store import Consent, ConsentStore
from models.authorizations.device_store import DeviceCode, DeviceStore, Guesses
from models.authorizations.request_store import RequestStore, StoredRequest
from models.base import Base, StoreUnavailable, db
from models.clients.client import Client, ClientSecret, Registration
from models.clients.client_import import ClientsExist, ImportedClient, import_clients, refuse_taken
from models.clients.client_store import ClientStore, secret_key_ids
from models.clients.password_grant import (
    APP_PASSWORD_CHOICES,
    APP_PASSWORDS_OFF,
    APP_PASSWORDS_ONLY,
    DEFAULT_POLICY,
    PasswordGrantPolicy,
)
from models.clients.password_grant_store import (
    PasswordGrantPolicyStore,
    PasswordGrantStep,
    PolicyChangedMeanwhile,
)
from models.database.engine import engine_options, prepare_engine
from models.database.server_clock import ACCEPTED, ServerClock, clock_of_the_database
from models.database.url import UrlRefused, private_database
from models.failures.failure_store import FailureStore, PastFailure
from models.failures.person_failures import failures_of, unblock
from models.failures.refused_passwords import RefusedPassword, RefusedPasswordStore
from models.grants.grant import AccessToken, NewGrant, NewToken
from models.grants.grant_listing import (
    LiveGrant,
    Selection,
    count_grants,
    end_grants,
    list_grants,
    people_at_cap,
    subjects_of,
)
from models.grants.grant_store import ClientEnded, GrantCap, GrantStore
from models.grants.programs import Program, programs_of
from models.grants.purge import Batch, purge, purge_audit
from models.grants.redeem import AlreadyUsed, IssueCondition, Redeem
from models.grants.refresh_store import RefreshStore, RefreshToken, Renewal
from models.housekeeping import Housekeeping
from models.keys.digest import (
    SecretHasher,
    has_our_form,
    hour_prefix,
    make_secret,
    moment_of,
    moment_prefix,
    new_grant_id,
)
from models.keys.encryption import Encryptor
from models.keys.persistent_secret import PersistentSecrets, persistent_secret_key_ids
from models.keys.reencryption import reencrypt
from models.keys.signing_key import NewSigningKey, SigningKey, SigningKeyStore, signing_key_ids
from models.migrations import MIGRATIONS, has_tables, is_current, migrate
from models.scopes import Scope, ScopeExists, ScopeStore
from models.sessions.logout_notices import LogoutNotice, LogoutNoticeStore
from models.sessions.missing_people import Missed, MissingPerson, MissingPersonStore
from models.sessions.session_listing import (
    EndedSessions,
    SessionSelection,
    count_sessions,
    end_sessions,
    list_sessions,
    session_subjects_of,
)
from models.sessions.session_store import SessionStore, SignInSession
from models.sqlite.checkpoints import Checkpoints
from models.sqlite.group_commit import GroupCommit
from models.usage.client_usage import ClientUsage, usage_of
from models.usage.client_users import is_known_user, subjects_who_used, users_of
from models.usage.past_uses import last_uses, remember_users
from models.usage.retention import forget_addresses
from models.usage.roll_up import roll_up

__all__ = [
    "ACCEPTED",
    "APP_PASSWORDS_OFF",
    "APP_PASSWORDS_ONLY",
    "APP_PASSWORD_CHOICES",
    "DEFAULT_POLICY",
    "MAX_APP_PASSWORDS",
    "MAX_MADE_IN_A_DAY",
    "MIGRATIONS",
    "UNUSED_SECONDS",
    "AccessToken",
    "AlreadyUsed",
    "AppPassword",
    "AppPasswordEnded",
    "AppPasswordStore",
    "AppPasswordUse",
    "Approval",
    "AuditSelection",
    "AuthorizationCode",
    "Base",
    "Batch",
    "Checkpoints",
    "Client",
    "ClientEnded",
    "ClientSecret",
    "ClientStore",
    "ClientUsage",
    "ClientsExist",
    "ClosedReason",
    "CodeStore",
    "Consent",
    "ConsentStore",
    "DeviceCode",
    "DeviceStore",
    "Encryptor",
    "EndedSessions",
    "FailureStore",
    "GrantCap",
    "GrantStore",
    "GroupCommit",
    "Guesses",
    "Housekeeping",
    "ImportedClient",
    "IssueCondition",
    "ListedEvent",
    "LiveGrant",
    "LogoutNotice",
    "LogoutNoticeStore",
    "Missed",
    "MissingPerson",
    "MissingPersonStore",
    "NewGrant",
    "NewSigningKey",
    "NewToken",
    "PasswordGrantPolicy",
    "PasswordGrantPolicyStore",
    "PasswordGrantStep",
    "PastFailure",
    "PersistentSecrets",
    "PolicyChangedMeanwhile",
    "Program",
    "Redeem",
    "RefreshStore",
    "RefreshToken",
    "RefusalLedger",
    "RefusedPassword",
    "RefusedPasswordStore",
    "Registration",
    "Renewal",
    "RequestStore",
    "Scope",
    "ScopeExists",
    "ScopeStore",
    "SecretHasher",
    "Selection",
    "ServerClock",
    "SessionSelection",
    "SessionStore",
    "SignInSession",
    "SigningKey",
    "SigningKeyStore",
    "StoreUnavailable",
    "StoredRequest",
    "TooManyAppPasswords",
    "TooManyInADay",
    "UrlRefused",
    "app_password_subjects_of",
    "clock_of_the_database",
    "count_grants",
    "count_sessions",
    "db",
    "end_event",
    "end_grants",
    "end_sessions",
    "engine_options",
    "failures_of",
    "forget_addresses",
    "has_our_form",
    "has_tables",
    "hour_prefix",
    "import_clients",
    "is_current",
    "is_known_user",
    "last_uses",
    "list_events",
    "list_grants",
    "list_sessions",
    "make_secret",
    "migrate",
    "moment_of",
    "moment_prefix",
    "new_grant_id",
    "people_at_cap",
    "persistent_secret_key_ids",
    "prepare_engine",
    "private_database",
    "programs_of",
    "purge",
    "purge_audit",
    "record",
    "record_after",
    "reencrypt",
    "refuse_taken",
    "remember_users",
    "roll_up",
    "secret_key_ids",
    "session_subjects_of",
    "signing_key_ids",
    "subjects_of",
    "subjects_who_used",
    "unblock",
    "usage_of",
    "users_of",
]
