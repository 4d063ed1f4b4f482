"""OpenLDAP: the rules of every directory, and behaviour that only a real server shows."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable, Refusal
from tests.directory.account_conformance import AccountConformance
from tests.directory.conformance import (
    ALICE,
    PEOPLE,
    TEMPLATE,
    AccountDatesConformance,
    DirectoryConformance,
    ManyNamesConformance,
    refusal,
)
from tests.directory.filter_conformance import FilterConformance
from tests.servers.slapd import Slapd

pytestmark = pytest.mark.server


@pytest.fixture
def open_with(on_slapd: Callable[..., Directory], slapd: Slapd) -> Callable[..., Directory]:
    """Open a directory on the shared slapd."""

    def open_it(**changes: Any) -> Directory:
        return on_slapd(slapd, **changes)

    return open_it


class TestSlapd(DirectoryConformance, ManyNamesConformance, AccountDatesConformance):
    """OpenLDAP over StartTLS follows the rules of every directory."""


class TestSlapdFilter(FilterConformance):
    """OpenLDAP applies the user filter wherever a user is read."""


class TestSlapdAccounts(AccountConformance):
    """OpenLDAP shows accounts like every directory."""


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "ldapi"])
@pytest.mark.parametrize("start_tls", [True, False])
def test_login_works_over_every_transport(
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    scheme: str,
    start_tls: bool,  # noqa: FBT001
) -> None:
    """A login works over StartTLS, TLS, a Unix socket, and in clear on loopback (RFC 4513, 3)."""
    directory = on_slapd(slapd, uris=("ldap://127.0.0.1:9", slapd.ldaps))
    assert directory.find("alice").verify("alice-password").id == ALICE


def test_empty_password_is_not_sent_to_a_lenient_server(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """A server that accepts unauthenticated binds gets none (RFC 4513, 5.1.2 and 6.3.1)."""
    directory = on_slapd(new_slapd(more="allow bind_anon_dn bind_anon_cred"))
    assert directory.find("alice").verify("alice-password").id == ALICE
    for password in ("", "\0", "\u00ad", " "):
        assert refusal(directory, "alice", password) in {Refusal.UNACCEPTABLE, Refusal.WRONG_PASSWORD}
    template = on_slapd(new_slapd(more="allow bind_anon_dn bind_anon_cred"), user_dn_template=TEMPLATE)
    assert refusal(template, "alice", "") is Refusal.UNACCEPTABLE


def test_confidentiality_required_is_an_alarm(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """A server that requires TLS refuses clear text: a setting is wrong (RFC 4511, appendix A)."""
    server = new_slapd(more="security simple_bind=64")
    directory = on_slapd(server, start_tls=False, bind_dn=None, bind_password=None, user_dn_template=TEMPLATE)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_START_TLS") as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm


def test_referrals_are_never_followed(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """A reference beside the entry is ignored; a referral for the base is an alarm (RFC 4511, 4.1.10)."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        reference = f"ou=faraway,{PEOPLE}"
        server = new_slapd(
            f"\ndn: {reference}\nobjectClass: referral\nobjectClass: extensibleObject\nou: faraway\n"
            f"ref: ldap://127.0.0.1:{elsewhere.getsockname()[1]}/{reference}\n".encode()
        )
        directory = on_slapd(server)
        assert directory.find("alice").verify("alice-password").id == ALICE
        assert refusal(directory, "nobody", "alice-password") is Refusal.UNKNOWN_PERSON
        with pytest.raises(DirectoryUnavailable, match="never followed") as caught:
            on_slapd(server, user_base=reference).find("alice").verify("alice-password")
        assert caught.value.alarm
        template = on_slapd(server, user_dn_template=f"uid={{username}},{reference}")
        assert refusal(template, "alice", "alice-password") is Refusal.WRONG_PASSWORD
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_anonymous_search_that_may_see_nothing_is_an_alarm(
    on_slapd: Callable[..., Directory], slapd: Slapd
) -> None:
    """If the server shows nothing without a service account, a setting is missing, and no user is unknown."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN") as caught:
        on_slapd(slapd, bind_dn=None, bind_password=None).find("alice").verify("alice-password")
    assert caught.value.alarm


def test_filter_applies_to_the_template_too(on_slapd: Callable[..., Directory], slapd: Slapd) -> None:
    """A user whom a filter that was set does not match cannot log in by the template."""
    staff = "(&(uid={username})(eduPersonAffiliation=staff))"
    directory = on_slapd(slapd, user_dn_template=TEMPLATE, user_filter=staff)
    assert directory.find("alice").verify("alice-password").net_id == "alice"
    assert refusal(directory, "bob", "bob-password") is Refusal.UNKNOWN_PERSON
