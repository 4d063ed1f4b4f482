"""The doctor: each step says what it saw, and names the setting to change for what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory.ldap import Diagnostics, Finding, LdapConfig, StepStatus
from tests.directory.conftest import SERVICE
from tests.servers.policy import PolicySlapd
from tests.servers.slapd import SUFFIX, Slapd

SECRET = "svc-password"


@pytest.fixture
def settings(slapd: Slapd) -> dict[str, Any]:
    """Settings for slapd as an operator has them."""
    return {
        "uris": (slapd.ldap,),
        "ca_file": slapd.ca_file,
        "bind_dn": SERVICE,
        "bind_password": SECRET,
        "user_base": f"ou=people,{SUFFIX}",
    }


@pytest.fixture
def examine(settings: dict[str, Any]) -> Callable[..., dict[str, Finding]]:
    """Examines slapd with some settings changed; the findings by their steps."""

    def examine(net_id: str | None = None, password: str | None = None, **changes: Any) -> dict[str, Finding]:
        doctor = Diagnostics(LdapConfig(**{**settings, **changes}))
        return {finding.step: finding for finding in doctor.examine(net_id, password)}

    return examine


Examine = Callable[..., dict[str, Finding]]


def failed(findings: dict[str, Finding]) -> dict[str, str | None]:
    """The steps that failed, and the settings that they name."""
    return {step: found.setting for step, found in findings.items() if found.verdict is StepStatus.FAILED}


def test_healthy_directory(examine: Examine) -> None:
    """Of a directory that works, every step is told, and none fails."""
    found = examine("alice", "alice-password")
    assert list(found) == [
        *("resolve", "connect", "TLS", "root DSE", "service account", "user base", "size limit", "people"),
        *("person", "stable id", "account state", "readable attributes", "groups", "lockout"),
        *("password", "empty password"),
    ]
    assert not failed(found)
    assert "the password is right" in found["password"].text
    assert all(finding.milliseconds >= 0 for finding in found.values())


def test_certificate_is_described(examine: Examine) -> None:
    """The names of the certificate and the days left on it are told (RFC 6125)."""
    text = examine()["TLS"].text
    assert "127.0.0.1" in text
    assert "days" in text


def test_every_server_is_examined(slapd: Slapd, settings: dict[str, Any]) -> None:
    """With several servers each is reached; what they hold is looked at once."""
    config = LdapConfig(**{**settings, "uris": (slapd.ldap, slapd.ldaps)})
    servers = [
        finding.server for finding in Diagnostics(config).examine() if finding.step == "service account"
    ]
    assert servers == [slapd.ldap, slapd.ldaps]


@pytest.mark.parametrize(
    ("changes", "step", "setting"),
    [
        ({"uris": ("ldap://127.0.0.1:1",)}, "connect", "NETID_LDAP_URI"),
        ({"uris": ("ldap://no-such-host.invalid",)}, "resolve", "NETID_LDAP_URI"),
        ({"bind_password": "wrong"}, "service account", "NETID_LDAP_BIND_DN"),
        ({"user_base": f"ou=nowhere,{SUFFIX}"}, "user base", "NETID_LDAP_USER_BASE"),
        ({"user_filter": "(mail={username})"}, "person", "NETID_LDAP_USER_FILTER"),
        ({"user_filter": "(|(objectClass=person)(uid={username}))"}, "person", "NETID_LDAP_USER_FILTER"),
        ({"id_attribute": "employeeNumber"}, "stable id", "NETID_LDAP_ID_ATTRIBUTE"),
    ],
)
def test_what_is_wrong_is_named(examine: Examine, changes: dict[str, Any], step: str, setting: str) -> None:
    """The step that fails is the one that is wrong, with the setting to change."""
    assert failed(examine("alice", **changes))[step] == setting


def test_unknown_authority(examine: Examine, tmp_path: Path) -> None:
    """A certificate that nobody trusted vouches for is a matter of NETID_LDAP_CA_FILE."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    assert failed(examine(ca_file=other)) == {"TLS": "NETID_LDAP_CA_FILE"}


def test_clear_text_is_a_warning(examine: Examine) -> None:
    """TLS that is off by name, on this machine, is warned of."""
    found = examine(start_tls=False)["TLS"]
    assert (found.verdict, found.setting) == (StepStatus.WARNING, "NETID_LDAP_START_TLS")


def test_wrong_password_is_told_with_its_reason(examine: Examine) -> None:
    """A bind that is refused is told with the decoded reason."""
    assert examine("alice", "not-hers")["password"].text.startswith("wrong_password")


def test_disabled_person_is_told(examine: Examine) -> None:
    """Who may not log in whatever the password is told, as a warning about that person."""
    assert "disabled" in examine("sam")["account state"].text


@pytest.mark.parametrize(
    ("policy", "told", "setting"),
    [
        (None, "our account may not read how many lock", "NETID_LDAP_PASSWORD_POLICY"),
        (f"cn=default,ou=policies,{SUFFIX}", "they lock no account", None),
    ],
)
def test_lockout_is_told(examine: Examine, policy: str | None, told: str, setting: str | None) -> None:
    """Whether it can be known how near people are to being locked out is told, and what would help."""
    found = examine("alice", password_policy=policy)["lockout"]
    assert told in found.text
    assert (found.setting, found.verdict is StepStatus.WARNING) == (setting, setting is not None)


def test_lockout_that_threatens_is_told(policy_slapd: PolicySlapd, settings: dict[str, Any]) -> None:
    """How near a person is to being locked out is told in numbers."""
    server = policy_slapd.server
    config = LdapConfig(**{**settings, "uris": (server.ldap,), "ca_file": server.ca_file})
    found = {finding.step: finding for finding in Diagnostics(config).examine("alice", "not-hers")}
    assert found["lockout"].text == "0 of the 5 failures that lock; each is forgotten after 3600 s"
    again = {finding.step: finding for finding in Diagnostics(config).examine("alice")}
    assert again["lockout"].text.startswith("1 of the 5")


def test_no_secret_is_told(examine: Examine) -> None:
    """Neither the account's nor the person's password stands in any finding."""
    for findings in (examine("alice", "alice-password"), examine("alice", bind_password="wrong-one")):
        text = "".join(finding.text for finding in findings.values())
        assert not [secret for secret in (SECRET, "alice-password", "wrong-one") if secret in text]


def test_embedded_directory_is_examined_too() -> None:
    """The embedded directory has no server to reach, and the same people to look for."""
    ldif = Path(__file__).parents[2] / "directory" / "campus.ldif"
    found = list(Diagnostics(LdapConfig(uris=(f"embedded:{ldif}",))).examine("alice"))
    assert found[0].step == "service account"
    assert not [finding for finding in found if finding.verdict is StepStatus.FAILED]


def test_empty_password_is_tried_without_a_person_too(examine: Examine) -> None:
    """Whether the directory takes an empty password for success is told in any case (RFC 4513, 5.1.2)."""
    assert "refused by the directory too" in examine()["empty password"].text


def test_lenient_server_is_warned_of(new_slapd: Callable[..., Slapd], settings: dict[str, Any]) -> None:
    """A directory that answers success to a bind without a password is told, as a warning."""
    lenient = new_slapd(more="allow bind_anon_dn bind_anon_cred")
    config = LdapConfig(**{**settings, "uris": (lenient.ldap,), "ca_file": lenient.ca_file})
    found = {finding.step: finding for finding in Diagnostics(config).examine("alice")}
    assert found["empty password"].verdict is StepStatus.WARNING


def test_template_is_what_is_examined(examine: Examine) -> None:
    """With a template the entry that it names is looked at, and a wrong one is named."""
    right = f"uid={{username}},ou=people,{SUFFIX}"
    assert not failed(examine("alice", "alice-password", user_dn_template=right))
    alone = {"bind_dn": None, "bind_password": None, "user_base": None, "user_dn_template": right}
    assert not failed(examine("alice", "alice-password", **alone))
    wrong = f"uid={{username}},ou=nowhere,{SUFFIX}"
    assert failed(examine("alice", user_dn_template=wrong)) == {"person": "NETID_LDAP_USER_DN_TEMPLATE"}
