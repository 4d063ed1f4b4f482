"""Profiles: the attributes of each kind of directory, and what its entries say about an account."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap import LdapConfig
from directory.ldap.accounts.status import (
    refuse_expired_password,
    refuse_inactive_account,
    refuse_locked_account,
)
from directory.ldap.kinds.profile import Profile
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.people.person import attributes_to_read, person_from
from directory.ldap.people.user_filter import filter_by_id
from directory.ldap.protocol.entry import Entry, moment_of
from settings import Settings
from tests.conftest import NOON
from tests.directory.conftest import CAMPUS
from tests.directory.entries import entry, filetime, generalized, refused

AD, DS, IPA = PROFILES["active-directory"], PROFILES["389ds"], PROFILES["freeipa"]
GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
GUID_OCTETS = bytes.fromhex("e004253f 894f d311 9a0c 0305e82c3301")
LATER = NOON + 9
NEVER = str(2**63 - 1)


def test_setting_accepts_exactly_the_profiles() -> None:
    """Each profile can be set, and the refusal of another name lists them all."""
    accepted = [Settings.model_validate({"ldap_profile": name}).ldap.profile for name in PROFILES]
    assert accepted == list(PROFILES)
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"ldap_profile": "edirectory"})
    assert all(repr(name) in str(refused.value) for name in PROFILES)


@pytest.mark.parametrize(("name", "profile"), PROFILES.items())
def test_settings_override_single_members_of_a_profile(name: str, profile: Profile) -> None:
    """Each default can be overridden alone, and changes no other."""
    uris = (f"embedded:{CAMPUS}",)
    assert LdapConfig(uris=uris, profile=name).effective_profile() == profile
    changed = LdapConfig(
        uris=uris,
        profile=name,
        user_filter="(cn={username})",
        id_attribute="employeeNumber",
        net_id_attribute="cn",
        password_changed_attribute="shadowLastChange",
    ).effective_profile()
    assert changed.user_filter == "(cn={username})"
    assert (changed.id_attribute, changed.net_id_attribute) == ("employeeNumber", "cn")
    assert changed.password_changed_attribute == "shadowLastChange"
    assert changed.state_attributes == profile.state_attributes


@pytest.mark.parametrize("profile", PROFILES.values())
def test_each_attribute_is_requested_once(profile: Profile) -> None:
    """Some servers refuse a search that names an attribute twice (RFC 4511, 4.5.1.8)."""
    names = [name.lower() for name in attributes_to_read(profile, also=("memberOf", "mail"))]
    assert len(names) == len(set(names))
    assert {profile.id_attribute.lower(), "memberof"} <= set(names)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_rules_of_a_kind_use_only_attributes_that_it_requests(profile: Profile) -> None:
    """A rule over an attribute that no search requests would never refuse."""
    used: set[str] = set()

    class Recorded(dict[str, Sequence[bytes]]):
        def get(self, name: str, default: object = ()) -> Any:
            used.add(name)
            return default

    empty = Entry("cn=somebody,dc=x", Recorded())
    profile.account_refusal(empty, NOON)
    profile.lock(empty, NOON)
    profile.password_state(empty, NOON)
    assert used
    assert used <= {name.lower() for name in profile.state_attributes}
    assert set(profile.lingering_locks) <= set(profile.state_attributes)


def test_guid_has_its_usual_text_form() -> None:
    """The first three parts of objectGUID are little-endian (MS-DTYP, 2.3.4)."""
    person = person_from(entry(objectGUID=GUID_OCTETS, sAMAccountName="alice"), AD)
    assert (person.id, person.net_id) == (GUID, "alice")


def test_guid_is_searched_by_its_octets() -> None:
    """Each octet that is no letter is escaped in a filter (RFC 4515, 3)."""
    assert filter_by_id(AD, GUID) == "(objectGUID=\\e0\\04\\25\\3f\\89O\\d3\\11\\9a\\0c\\03\\05\\e8\\2c3\\01)"
    assert filter_by_id(AD, GUID.upper()) == filter_by_id(AD, GUID)


@pytest.mark.parametrize(
    "person_id", ["", "*", GUID[:-1], GUID.replace("-", ""), f"{{{GUID}}}", f"urn:uuid:{GUID}"]
)
def test_id_that_is_no_canonical_guid_is_unknown(person_id: str) -> None:
    """A user has one id, not six spellings of it."""
    with pytest.raises(InvalidCredentials) as caught:
        filter_by_id(AD, person_id)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON


@pytest.mark.parametrize("octets", [b"", GUID_OCTETS[:-1], GUID_OCTETS + b"x"])
def test_id_attribute_without_a_guid_is_an_alarm(octets: bytes) -> None:
    """An objectGUID needs one value of exactly 16 octets."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_ID_ATTRIBUTE"):
        person_from(entry(objectGUID=octets, sAMAccountName="alice"), AD)


@pytest.mark.parametrize(
    ("attribute", "text", "moment"),
    [
        ("pwdChangedTime", "20270115080000Z", NOON),
        ("pwdUpdateTime", "202701150900+0100", NOON),
        ("krbLastPwdChange", "20270115080000.5Z", NOON),
        ("pwdChangedTime", "yesterday", None),
        ("pwdLastSet", filetime(NOON), NOON),
        ("PWDLASTSET", filetime(NOON), NOON),
        ("pwdLastSet", "0", None),
        ("msDS-UserPasswordExpiryTimeComputed", NEVER, None),
        ("pwdLastSet", "-1", None),
        ("pwdLastSet", "20270115080000Z", None),
        ("shadowLastChange", "20833", 20833 * 86400),
        ("shadowLastChange", "0", None),
        ("sambaPwdLastSet", str(NOON), NOON),
        ("sambaPwdLastSet", "9" * 30, None),
        ("anything", None, None),
    ],
)
def test_times_are_read_in_the_form_of_each_attribute(
    attribute: str, text: str | None, moment: int | None
) -> None:
    """Each attribute has its own form of time; a value in another form is no time."""
    assert moment_of(attribute, text) == moment


@pytest.mark.parametrize(
    ("profile", "attributes", "changed", "expires"),
    [
        (DS, {"nsUniqueId": "1", "uid": "a", "pwdUpdateTime": generalized(NOON)}, NOON, None),
        (
            DS,
            {"nsUniqueId": "1", "uid": "a", "passwordExpirationTime": generalized(LATER)},
            None,
            LATER,
        ),
        (DS, {"nsUniqueId": "1", "uid": "a", "passwordExpirationTime": "19700101000000Z"}, None, None),
        (
            AD,
            {
                "objectGUID": GUID_OCTETS,
                "sAMAccountName": "a",
                "pwdLastSet": filetime(NOON),
                "msDS_UserPasswordExpiryTimeComputed": filetime(LATER),
            },
            NOON,
            LATER,
        ),
        (
            IPA,
            {
                "ipaUniqueID": "1",
                "uid": "a",
                "krbLastPwdChange": generalized(NOON),
                "krbPasswordExpiration": generalized(LATER),
            },
            NOON,
            LATER,
        ),
    ],
)
def test_times_of_the_password_are_read_for_each_kind(
    profile: Profile, attributes: Mapping[str, str | bytes], changed: int | None, expires: int | None
) -> None:
    """Each kind of directory has its own attributes for the change and the expiry of a password."""
    person = person_from(entry(**attributes), profile)
    assert (person.password_changed_at, person.password_expires_at) == (changed, expires)


ACCOUNTS: list[tuple[dict[str, str], Refusal | None]] = [
    ({}, None),
    ({"nsAccountLock": "true"}, Refusal.DISABLED),
    ({"nsAccountLock": "TRUE"}, Refusal.DISABLED),
    ({"nsAccountLock": "false"}, None),
    ({"userAccountControl": "512"}, None),
    ({"userAccountControl": "514"}, Refusal.DISABLED),
    ({"accountExpires": "0"}, None),
    ({"accountExpires": NEVER}, None),
    ({"accountExpires": filetime(NOON + 1)}, None),
    ({"accountExpires": filetime(NOON)}, Refusal.EXPIRED),
    ({"krbPrincipalExpiration": generalized(NOON + 1)}, None),
    ({"krbPrincipalExpiration": generalized(NOON)}, Refusal.EXPIRED),
    ({"pwdAccountLockedTime": "000001010000Z"}, Refusal.DISABLED),
    ({"pwdAccountLockedTime": generalized(NOON - 1)}, None),
    ({"pwdEndTime": generalized(NOON)}, Refusal.EXPIRED),
    ({"pwdStartTime": generalized(NOON + 1)}, Refusal.NOT_NOW),
]
LOCKS: list[tuple[dict[str, str], Refusal | None]] = [
    ({}, None),
    ({"accountUnlockTime": generalized(NOON + 1)}, Refusal.LOCKED),
    ({"accountUnlockTime": generalized(NOON)}, None),
    ({"accountUnlockTime": "19700101000000Z"}, Refusal.LOCKED),
    ({"pwdAccountTmpLockoutEnd": generalized(NOON + 1)}, Refusal.LOCKED),
    ({"msDS_User_Account_Control_Computed": "16"}, Refusal.LOCKED),
    ({"msDS_User_Account_Control_Computed": "0"}, None),
]


@pytest.mark.parametrize(
    ("judge", "attributes", "refusal"),
    [
        *((refuse_inactive_account, attributes, refusal) for attributes, refusal in ACCOUNTS),
        *((refuse_locked_account, attributes, refusal) for attributes, refusal in LOCKS),
    ],
)
def test_disabled_ended_and_locked_accounts_are_refused(
    judge: Callable[[Entry, float], None], attributes: dict[str, str], refusal: Refusal | None
) -> None:
    """An account that is disabled, ended, not begun or locked is refused; a silent entry is not."""
    assert refused(lambda: judge(entry(**attributes), NOON)) is refusal


@pytest.mark.parametrize(
    ("attributes", "refusal", "refusal_if_allowed"),
    [
        ({}, None, None),
        (
            {"msDS_User_Account_Control_Computed": "8388608", "pwdLastSet": filetime(1)},
            *[Refusal.EXPIRED] * 2,
        ),
        ({"msDS_User_Account_Control_Computed": "8388608", "pwdLastSet": "0"}, Refusal.MUST_CHANGE, None),
        # A password that never expires is valid, although the time of its change is unknown.
        ({"msDS_User_Account_Control_Computed": "0", "pwdLastSet": "0"}, None, None),
        (
            {"krbPasswordExpiration": generalized(NOON), "krbLastPwdChange": generalized(NOON - 9)},
            *[Refusal.EXPIRED] * 2,
        ),
        (
            {"krbPasswordExpiration": generalized(NOON - 9), "krbLastPwdChange": generalized(NOON - 9)},
            Refusal.MUST_CHANGE,
            None,
        ),
        ({"krbPasswordExpiration": generalized(NOON + 1)}, None, None),
    ],
)
def test_expired_and_initial_passwords_are_refused(
    attributes: dict[str, str], refusal: Refusal | None, refusal_if_allowed: Refusal | None
) -> None:
    """An expired password is refused; an administrator's password is too, unless the setting allows it."""
    for allowed, expected in ((False, refusal), (True, refusal_if_allowed)):
        found = refused(
            partial(refuse_expired_password, entry(**attributes), NOON, allow_must_change=allowed)
        )
        assert found is expected
