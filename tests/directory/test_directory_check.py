"""`flask directory check`: each step reports its finding, and names the setting to change if it fails."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory.ldap import Diagnostics, Finding, LdapConfig, StepStatus
from tests.directory.conftest import SERVICE
from tests.directory.scripted import Scripted, result
from tests.servers.policy import PolicySlapd
from tests.servers.slapd import SUFFIX, Slapd

SECRET = "svc-password"


@pytest.fixture
def settings(slapd: Slapd) -> dict[str, Any]:
    """Settings for slapd, as an operator makes them."""
    return {
        "uris": (slapd.ldap,),
        "ca_file": slapd.ca_file,
        "bind_dn": SERVICE,
        "bind_password": SECRET,
        "user_base": f"ou=people,{SUFFIX}",
    }


@pytest.fixture
def examine(settings: dict[str, Any]) -> Callable[..., dict[str, Finding]]:
    """Check slapd with some settings changed. Returns the findings by step."""

    def examine(net_id: str | None = None, password: str | None = None, **changes: Any) -> dict[str, Finding]:
        diagnostics = Diagnostics(LdapConfig(**{**settings, **changes}))
        return {finding.step: finding for finding in diagnostics.examine(net_id, password)}

    return examine


Examine = Callable[..., dict[str, Finding]]


def failed(findings: dict[str, Finding]) -> dict[str, str | None]:
    """Return the steps that failed, with the settings that they name."""
    return {step: found.setting for step, found in findings.items() if found.verdict is StepStatus.FAILED}


def test_working_directory_passes_every_step(examine: Examine) -> None:
    """A working directory has a finding for each step, and none fails."""
    found = examine("alice", "alice-password")
    assert list(found) == [
        *("resolve", "connect", "TLS", "root DSE", "service account", "user base", "size limit", "people"),
        *("person", "stable id", "account state", "readable attributes", "claims", "groups", "lockout"),
        *("password", "empty password"),
    ]
    assert not failed(found)
    assert "the password is right" in found["password"].text
    assert all(finding.milliseconds >= 0 for finding in found.values())


def test_certificate_is_described(examine: Examine) -> None:
    """The finding has the names of the certificate and the days until its end (RFC 6125)."""
    text = examine()["TLS"].text
    assert "127.0.0.1" in text
    assert "days" in text


def test_every_server_is_checked_and_one_is_searched(slapd: Slapd, settings: dict[str, Any]) -> None:
    """Each server is checked, but only the first one is searched."""
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
def test_failed_step_names_the_setting_to_change(
    examine: Examine, changes: dict[str, Any], step: str, setting: str
) -> None:
    """The step that fails names the setting at fault."""
    assert failed(examine("alice", **changes))[step] == setting


@pytest.mark.parametrize(
    ("scheme", "port_of", "says"),
    [
        ("ldaps", "ldap", "the port answers LDAP without TLS. ldaps:// on a plain port?"),
        ("ldap", "ldaps", "the port speaks TLS from the start. ldap:// on a port for ldaps?"),
    ],
)
def test_wrong_port_names_the_uri(
    examine: Examine, slapd: Slapd, scheme: str, port_of: str, says: str
) -> None:
    """The check tries what the port speaks, and does not suspect the certificate."""
    uri = f"{scheme}://127.0.0.1:{getattr(slapd, port_of).rpartition(':')[2]}"
    for start_tls in (True, False):
        found = examine(uris=(uri,), start_tls=start_tls)
        (step, setting) = failed(found).popitem()
        assert setting == "NETID_LDAP_URI"
        assert says in found[step].text


def test_port_of_another_protocol_names_the_uri(examine: Examine) -> None:
    """A server that speaks neither LDAP nor TLS is a wrong address."""

    class Web(Scripted):
        """Answers in HTTP."""

        def serve(self, connection: socket.socket) -> None:
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100)

    with Web() as server:
        for scheme in ("ldap", "ldaps"):
            assert failed(examine(uris=(server.uri.replace("ldap", scheme),))) == {"TLS": "NETID_LDAP_URI"}


def test_tls_port_of_another_protocol_is_not_called_a_plain_port(
    examine: Examine, authority: trustme.CA, tmp_path: Path
) -> None:
    """If a port speaks TLS but not LDAP, such as one for HTTPS, the text names another protocol."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    class WebWithTls(Scripted):
        """Closes the connection after a message that is not HTTP."""

        def serve(self, connection: socket.socket) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1024)

    with WebWithTls() as server:
        found = examine(uris=(server.uri.replace("ldap", "ldaps"),), ca_file=ca_file)
    assert failed(found) == {"root DSE": "NETID_LDAP_URI"}
    assert "on a port for another protocol?" in found["root DSE"].text


@pytest.mark.parametrize("is_tls", [True, False])
def test_silent_server_is_tried_with_tls(
    examine: Examine,
    authority: trustme.CA,
    is_tls: bool,  # noqa: FBT001
) -> None:
    """Some servers wait for the rest of a TLS record. Only a handshake tells them from a hung server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    class Silent(Scripted):
        """Reads what is not TLS without an answer."""

        def serve(self, connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                if is_tls and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                    context.wrap_socket(connection, server_side=True).close()
                while connection.recv(1024):
                    pass

    with Silent() as server:
        found = failed(examine(uris=(server.uri,), read_timeout=0.3))
    assert found == {"TLS": "NETID_LDAP_URI" if is_tls else "NETID_LDAP_READ_TIMEOUT"}


def test_server_that_answers_an_error_has_the_right_port(examine: Examine) -> None:
    """A result of LDAP is shown as it is."""
    with Scripted(lambda operation, message_id, _: result(operation, message_id, 53)) as server:
        text = examine(uris=(server.uri,), start_tls=False)["root DSE"].text
    assert "result 53 unwillingToPerform" in text
    assert "port" not in text


@pytest.mark.parametrize(
    ("changes", "steps", "setting"),
    [
        ({"user_base": f"ou=groups,{SUFFIX}"}, ["people", "person"], "NETID_LDAP_USER_BASE"),
        ({"profile": "active-directory"}, ["people", "person"], "NETID_LDAP_PROFILE"),
        ({"profile": "389ds"}, ["people", "stable id"], "NETID_LDAP_PROFILE"),
        ({"id_attribute": "employeeNumber"}, ["people", "stable id"], "NETID_LDAP_ID_ATTRIBUTE"),
    ],
)
def test_setting_by_which_no_user_is_found_is_named_by_each_step(
    examine: Examine, changes: dict[str, Any], steps: list[str], setting: str
) -> None:
    """A wrong base or kind of directory is not blamed on the filter or on the account."""
    assert failed(examine("alice", **changes)) == dict.fromkeys(steps, setting)


@pytest.mark.parametrize(
    ("changes", "net_id", "setting", "says"),
    [
        (
            {"user_filter": "(&(uid={username})(mail=bob@*))"},
            "alice",
            "NETID_LDAP_USER_FILTER",
            "but (|(uid=alice)) finds",
        ),
        ({}, "nobody", "NETID_LDAP_USER_FILTER", "no user has this login name"),
        (
            {"user_base": f"uid=bob,ou=people,{SUFFIX}"},
            "alice",
            "NETID_LDAP_USER_BASE",
            f"but finds uid=alice,ou=people,{SUFFIX}",
        ),
    ],
)
def test_missing_user_is_searched_elsewhere(
    examine: Examine, changes: dict[str, Any], net_id: str, setting: str, says: str
) -> None:
    """The check tells a wrong filter from a base that is too narrow, and from a wrong login name."""
    found = examine(net_id, **changes)["person"]
    assert (found.verdict, found.setting) == (StepStatus.FAILED, setting)
    assert says in found.text


def test_cost_of_a_hidden_change_time_is_reported(examine: Examine, policy_slapd: PolicySlapd) -> None:
    """If the account cannot see when a password changed, the check says what that costs."""
    found = examine("alice", password_changed_attribute="pwdHidden")["readable attributes"]
    assert (found.verdict, found.setting) == (StepStatus.WARNING, "NETID_LDAP_BIND_DN")
    assert "Without pwdHidden, the server cannot tell that a password has changed." in found.text
    assert "costs a bind every five minutes" in found.text
    server = policy_slapd.server
    found = examine("alice", uris=(server.ldap,), ca_file=server.ca_file)["readable attributes"]
    assert found.verdict is StepStatus.OK
    assert "Without" not in found.text


def test_unknown_certificate_authority_names_the_ca_file(examine: Examine, tmp_path: Path) -> None:
    """A certificate of an unknown authority is a matter of NETID_LDAP_CA_FILE."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    assert failed(examine(ca_file=other)) == {"TLS": "NETID_LDAP_CA_FILE"}


def test_clear_text_is_a_warning(examine: Examine) -> None:
    """TLS that a setting switches off on loopback is a warning."""
    found = examine(start_tls=False)["TLS"]
    assert (found.verdict, found.setting) == (StepStatus.WARNING, "NETID_LDAP_START_TLS")


def test_wrong_password_is_reported_with_its_reason(examine: Examine) -> None:
    """The finding of a refused bind begins with the reason."""
    assert examine("alice", "not-hers")["password"].text.startswith("wrong_password")


def test_disabled_user_is_reported(examine: Examine) -> None:
    """An account that is disabled, whatever the password is, is a warning about that user."""
    assert "disabled" in examine("sam")["account state"].text


@pytest.mark.parametrize(
    ("policy", "expected", "setting"),
    [
        (None, "lockout threshold not readable", "NETID_LDAP_PASSWORD_POLICY"),
        (f"cn=default,ou=policies,{SUFFIX}", "they lock no account", None),
    ],
)
def test_readable_and_hidden_lockout_policies_are_reported(
    examine: Examine, policy: str | None, expected: str, setting: str | None
) -> None:
    """The finding says whether the limit of failures is readable, and which setting would help."""
    found = examine("alice", password_policy=policy)["lockout"]
    assert expected in found.text
    assert (found.setting, found.verdict is StepStatus.WARNING) == (setting, setting is not None)


def test_failures_and_limit_are_reported(policy_slapd: PolicySlapd, settings: dict[str, Any]) -> None:
    """The finding has the number of failures and the limit."""
    server = policy_slapd.server
    config = LdapConfig(**{**settings, "uris": (server.ldap,), "ca_file": server.ca_file})
    found = {finding.step: finding for finding in Diagnostics(config).examine("alice", "not-hers")}
    assert found["lockout"].text == "0 of the 5 failures that lock; each is forgotten after 3600 s"
    again = {finding.step: finding for finding in Diagnostics(config).examine("alice")}
    assert again["lockout"].text.startswith("1 of the 5")


def test_findings_contain_no_password(examine: Examine) -> None:
    """No finding contains the password of the service account or of the user."""
    for findings in (examine("alice", "alice-password"), examine("alice", bind_password="wrong-one")):
        text = "".join(finding.text for finding in findings.values())
        assert not [secret for secret in (SECRET, "alice-password", "wrong-one") if secret in text]


def test_embedded_directory_is_checked_too() -> None:
    """The embedded directory has no server to connect to, but users to check."""
    ldif = Path(__file__).parents[2] / "directory" / "campus.ldif"
    found = list(Diagnostics(LdapConfig(uris=(f"embedded:{ldif}",))).examine("alice"))
    assert found[0].step == "service account"
    assert not [finding for finding in found if finding.verdict is StepStatus.FAILED]


def test_empty_password_is_tried_without_a_user_too(examine: Examine) -> None:
    """The check always tries whether the directory accepts an empty password (RFC 4513, 5.1.2)."""
    assert "refused by the directory too" in examine()["empty password"].text


def test_server_that_accepts_an_empty_password_is_a_warning(
    new_slapd: Callable[..., Slapd], settings: dict[str, Any]
) -> None:
    """A directory that accepts a bind without a password is a warning."""
    lenient = new_slapd(more="allow bind_anon_dn bind_anon_cred")
    config = LdapConfig(**{**settings, "uris": (lenient.ldap,), "ca_file": lenient.ca_file})
    found = {finding.step: finding for finding in Diagnostics(config).examine("alice")}
    assert found["empty password"].verdict is StepStatus.WARNING


def test_template_is_checked_instead_of_the_filter(examine: Examine) -> None:
    """With a template the check reads the entry that it names, and reports a wrong template."""
    right = f"uid={{username}},ou=people,{SUFFIX}"
    assert not failed(examine("alice", "alice-password", user_dn_template=right))
    alone = {"bind_dn": None, "bind_password": None, "user_base": None, "user_dn_template": right}
    assert not failed(examine("alice", "alice-password", **alone))
    wrong = f"uid={{username}},ou=nowhere,{SUFFIX}"
    assert failed(examine("alice", user_dn_template=wrong)) == {"person": "NETID_LDAP_USER_DN_TEMPLATE"}


def test_claims_step_lists_the_claims_without_their_values(examine: Examine) -> None:
    """An operator sees which standard claims the entry has, but not what they say."""
    text = examine("alice")["claims"].text
    assert "given_name" in text.partition(";")[0]
    assert "website" in text.partition(";")[2]
    assert "Baker" not in text
