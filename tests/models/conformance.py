"""The rules that hold on every supported database."""

from tests.models.app_password_notice_rules import AppPasswordNoticeRules
from tests.models.app_password_rules import AppPasswordRules
from tests.models.audit_rules import AuditRules
from tests.models.authorization_rules import CodeRules, ConsentRules, DeviceRules
from tests.models.client_audit_rules import ClientAuditRules
from tests.models.client_rules import ClientRules
from tests.models.driver_rules import DriverRules
from tests.models.failure_rules import FailureRules
from tests.models.grant_cap_rules import GrantCapRules
from tests.models.grant_listing_rules import GrantListingRules
from tests.models.grant_rules import GrantRules
from tests.models.kept_usage_rules import KeptUsageRules
from tests.models.missing_person_rules import MissingPersonRules
from tests.models.password_grant_policy_rules import PasswordGrantPolicyRules
from tests.models.past_use_rules import PastUseRules
from tests.models.persistent_secret_rules import PersistentSecretRules
from tests.models.program_rules import ProgramRules
from tests.models.refresh_rules import KeptRefreshTokenRules, RefreshRules
from tests.models.request_rules import RequestRules
from tests.models.schema_rules import SchemaRules
from tests.models.scope_rules import ScopeRules
from tests.models.session_rules import SessionRules
from tests.models.sign_in_purge_rules import SignInPurgeRules
from tests.models.signing_key_rules import SigningKeyRules
from tests.models.table_limit_rules import TableLimitRules
from tests.models.unavailability_rules import UnavailabilityRules
from tests.models.unused_code_rules import UnusedCodeRules
from tests.models.usage_rules import UsageRules


class StoreConformance(
    AuditRules,
    ClientRules,
    GrantRules,
    FailureRules,
    GrantCapRules,
    GrantListingRules,
    RefreshRules,
    KeptRefreshTokenRules,
    PersistentSecretRules,
    ScopeRules,
    SchemaRules,
    SigningKeyRules,
    UnavailabilityRules,
    MissingPersonRules,
    ClientAuditRules,
    DriverRules,
    SessionRules,
    CodeRules,
    RequestRules,
    DeviceRules,
    ConsentRules,
    ProgramRules,
    SignInPurgeRules,
    TableLimitRules,
    UnusedCodeRules,
    AppPasswordRules,
    AppPasswordNoticeRules,
    PasswordGrantPolicyRules,
    PastUseRules,
    UsageRules,
    KeptUsageRules,
):
    """All rules, for the databases `place` (migrated) and `bare_place` (without tables)."""
