"""Standard claims from the attributes of an entry (OpenID Connect Core 1.0, 5.1), and their setting."""

from pathlib import Path

import pytest

from directory.ldap import open_directory
from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.people.person import attributes_to_read, person_from
from directory.ldap.protocol.entry import Entry

CAMPUS = Path("directory/campus.ldif")
MINIMUM = {"entryuuid": [b"1"], "uid": [b"alice"]}


def config(*pairs: str, profile: str = "openldap") -> LdapConfig:
    """The settings with a mapping of claims."""
    return LdapConfig(uris=(f"embedded:{CAMPUS}",), profile=profile, claim_attributes=" ".join(pairs) or ())


def details(entry: dict[str, list[bytes]], *pairs: str) -> dict[str, object]:
    """The details of an entry."""
    found = person_from(Entry("uid=alice,dc=x", MINIMUM | entry), config(*pairs).effective_profile())
    return dict(found.details)


def test_embedded_directory_has_standard_claims() -> None:
    """Alice of the walk-through has a full name, a language, a phone number and an address."""
    person = open_directory(config()).find("alice").verify("alice-password")
    assert person.details == {
        "given_name": "Alice",
        "family_name": "Baker",
        "locale": "en-GB",
        "phone_number": "+1 555 0100",
        "address": {
            "formatted": "Alice Baker\n1 College Road\nCampus, State 10001",
            "street_address": "1 College Road",
            "locality": "Campus",
            "region": "State",
            "postal_code": "10001",
        },
    }


@pytest.mark.parametrize(
    ("pair", "attribute", "value", "claim"),
    [
        ("phone_number=mobile", "mobile", b" +49 1 ", "+49 1"),
        ("phone_number=mobile", "mobile", b"  ", None),
        ("phone_number=mobile", "mobile", b"\xff", None),
        ("nickname=mailNickname", "mailnickname", b"al", "al"),
        (
            "website=labeledURI",
            "labeleduri",
            b"https://campus.example/~alice Home page",
            "https://campus.example/~alice",
        ),
        ("locale=preferredLanguage", "preferredlanguage", b"de-CH;q=1, en", "de-CH"),
        ("locale=preferredLanguage", "preferredlanguage", b"<script>", None),
        ("birthdate=schacDateOfBirth", "schacdateofbirth", b"19990228", "1999-02-28"),
        ("birthdate=birth", "birth", b"1999-02-28", "1999-02-28"),
        ("updated_at=modifyTimestamp", "modifytimestamp", b"20260901080000Z", 1_788_249_600),
        ("updated_at=modifyTimestamp", "modifytimestamp", b"yesterday", None),
    ],
)
def test_value_is_converted_to_the_form_of_its_claim(
    pair: str, attribute: str, value: bytes, claim: object
) -> None:
    """A claim has the form of section 5.1, and is left out where the attribute has no such value."""
    assert details({attribute: [value]}, pair).get(pair.partition("=")[0]) == claim


def test_escapes_of_a_postal_address_are_read() -> None:
    r"""`$` separates lines, `\24` is a dollar and `\5C` a backslash (RFC 4517, 3.3.28)."""
    found = details({"postaladdress": [rb"Room \241$Hall \5c"]})
    assert found["address"] == {"formatted": "Room $1\nHall \\"}


class TestVerification:
    """`email_verified` and `phone_number_verified` are said only as the operator says."""

    def test_nothing_is_said_by_default(self) -> None:
        """A directory does not tell by itself whether an address was verified."""
        assert "email_verified" not in details({"mail": [b"a@x"]})

    def test_constant_is_true_of_every_address(self) -> None:
        """TRUE in place of an attribute is for a campus that gives the addresses itself."""
        assert details({"mail": [b"a@x"]}, "email_verified=TRUE")["email_verified"] is True

    @pytest.mark.parametrize(("value", "verified"), [(b"TRUE", True), (b"false", False), (b"1", None)])
    def test_attribute_is_a_boolean(self, value: bytes, verified: bool | None) -> None:  # noqa: FBT001
        """An attribute holds TRUE or FALSE (RFC 4517, 3.3.3). Other values say nothing."""
        entry = {"mail": [b"a@x"], "mailverified": [value]}
        assert details(entry, "email_verified=mailVerified").get("email_verified") is verified

    def test_missing_attribute_says_nothing(self) -> None:
        """An entry without the attribute is not verified."""
        assert "email_verified" not in details({"mail": [b"a@x"]}, "email_verified=mailVerified")

    def test_nothing_is_said_about_a_missing_value(self) -> None:
        """Without an address or a number there is nothing to verify."""
        assert details({}, "email_verified=TRUE", "phone_number_verified=TRUE") == {}


class TestSetting:
    """`NETID_LDAP_CLAIM_ATTRIBUTES`."""

    def test_claim_without_an_attribute_is_removed(self) -> None:
        """An empty attribute removes the claim of the profile, from the search too."""
        profile = config("phone_number=").effective_profile()
        assert "telephoneNumber" not in attributes_to_read(profile)
        assert "phone_number" not in config("phone_number=").claim_names

    def test_name_and_email_can_be_mapped(self) -> None:
        """The mapping replaces the usual attributes of name and mail address."""
        profile = config("name=gecos", "email=mailPrimary").effective_profile()
        entry = {"gecos": [b"Alice"], "mailprimary": [b"a@x"], "cn": [b"no"], "mail": [b"no"]}
        person = person_from(Entry("uid=alice,dc=x", MINIMUM | entry), profile)
        assert (person.name, person.mail) == ("Alice", "a@x")

    def test_claim_names_are_those_that_the_directory_may_have(self) -> None:
        """The members of `address` are one claim, and unmapped claims are not named."""
        names = config("picture=photoURL", "locale=").claim_names
        assert names == (
            "name",
            "email",
            "given_name",
            "family_name",
            "picture",
            "website",
            "phone_number",
            "address",
        )

    @pytest.mark.parametrize("profile", PROFILES)
    def test_every_profile_reads_what_it_maps(self, profile: str) -> None:
        """Each mapped attribute is requested by the search."""
        effective = config(profile=profile).effective_profile()
        wanted = {name.lower() for _, name in effective.claim_attributes}
        assert wanted <= {name.lower() for name in attributes_to_read(effective)}

    @pytest.mark.parametrize(
        "pair",
        [
            "phone_number",
            "phone=mobile",
            "sub=uid",
            "preferred_username=uid",
            "name=",
            "email=",
            "nickname=TRUE",
            "nickname=a b=c",
            "nickname=a)(b",
            "nickname=a nickname=b",
            "address=street",
        ],
    )
    def test_mistake_is_refused(self, pair: str) -> None:
        """A claim that does not exist, or what is no attribute, is refused at the start."""
        with pytest.raises(ConfigError, match="NETID_LDAP_CLAIM_ATTRIBUTES must"):
            config(pair)
