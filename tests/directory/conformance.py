"""What every directory must do, one rule a test. Subclassed for each kind of directory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, Person, Refusal

ALICE = "14aa2a51-03f1-562a-8307-e12ff2455495"
PEOPLE = "ou=people,dc=campus,dc=example"
TEMPLATE = "uid={username}," + PEOPLE


def log_in(
    directory: Directory,
    net_id: str,
    password: str,
    *,
    groups: bool = False,
    look: Callable[[Account], None] | None = None,
) -> Person:
    """Log in; `look` is called with a readable account before its password is tried."""
    account = directory.find(net_id, groups=groups)
    if look is not None and account.is_readable:
        look(account)
    return account.verify(password)


def refusal(directory: Directory, net_id: str, password: str) -> Refusal:
    """Log in, which must be refused, and return the reason."""
    return _refused(directory, net_id, password).reason


def needs_new_password(directory: Directory, net_id: str, password: str) -> bool:
    """Log in, which must be refused, and tell whether the password was verified and must be replaced."""
    return _refused(directory, net_id, password).needs_new_password


def _refused(directory: Directory, net_id: str, password: str) -> InvalidCredentials:
    with pytest.raises(InvalidCredentials) as caught:
        directory.find(net_id).verify(password)
    return caught.value


@dataclass(frozen=True, kw_only=True)
class Campus:
    """The names of the test users and of their attributes in one kind of directory.

    `odd_name` contains characters that are special in filters and DNs. `everybody` is a filter. `twin_filter`
    finds two users by the name `twin`. `password_changed_at` is None if it is the time of loading.
    """

    people: str = PEOPLE
    template: str = TEMPLATE
    alice_id: str = ALICE
    alice_dn: str = f"uid=alice,{PEOPLE}"
    principal_name: str = "alice@campus.example"
    affiliations: tuple[str, ...] = ("member", "staff")
    password_changed_at: int | None = 1788249600
    staff_dn: str = "cn=staff,ou=groups,dc=campus,dc=example"
    net_id_attribute: str = "uid"
    odd_name: str = "we*ird(x),y\\z"
    everybody: str = "(objectClass=inetOrgPerson)"
    twin_filter: str = "(uid={username})"


class DirectoryConformance:
    """A subclass provides a fixture `open_with(**settings)` that opens directories, and its `campus`."""

    campus: ClassVar[Campus] = Campus()

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory with the default settings of the subclass."""
        return open_with()

    def test_right_password_is_a_person(self, directory: Directory) -> None:
        """A simple bind as the one entry found is the person of that entry (RFC 4513, 5.1.3)."""
        person = directory.find("alice").verify("alice-password")
        assert (person.id, person.net_id) == (self.campus.alice_id, "alice")
        assert person.dn == self.campus.alice_dn
        assert (person.name, person.mail) == ("Alice Baker", "alice@campus.example")
        assert sorted(person.affiliations) == list(self.campus.affiliations)
        assert person.principal_name == self.campus.principal_name
        assert person.password_changed_at
        assert self.campus.password_changed_at in {person.password_changed_at, None}

    def test_wrong_password_is_refused(self, directory: Directory) -> None:
        """Result invalidCredentials refuses the person (RFC 4511, appendix A)."""
        assert refusal(directory, "alice", "bob-password") is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize(
        "password", ["ALICE-PASSWORD", "alice-password ", " alice-password", "\\61lice-password"]
    )
    def test_password_is_compared_exactly(self, directory: Directory, password: str) -> None:
        """A password is octets: case, spaces and escapes matter (RFC 4513, 5.1.3)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", ["ªlice-password", "alice\u00ad-password", "alice-passwor\u1d48"])
    def test_password_is_not_prepared(self, directory: Directory, password: str) -> None:
        """A text that SASLprep would turn into the right password is wrong (RFC 4013, 2)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", [" ", "\u00ad", "\t", "\x01", "x" * 1024])
    def test_unusual_password_is_sent_and_wrong(self, directory: Directory, password: str) -> None:
        """Spaces, soft hyphens and control characters are sent unchanged (RFC 4513, 5.1.3)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", ["", "\0", "alice-password\0", "x" * 1025, "ü" * 513, "\ud800"])
    def test_unacceptable_password_is_refused(self, directory: Directory, password: str) -> None:
        """An empty password would be an unauthenticated bind, so it is never sent (RFC 4513, 5.1.2)."""
        assert refusal(directory, "alice", password) is Refusal.UNACCEPTABLE

    def test_non_ascii_password_is_utf8(self, directory: Directory) -> None:
        """A password is sent as UTF-8 (RFC 4513, 5.1.3)."""
        assert directory.find("zoe").verify("zoë-pässwörd").name == "Zoë Müller"

    def test_unknown_person_is_refused(self, directory: Directory) -> None:
        """A search without a result is a refusal, not an outage (RFC 4511, 4.5.2)."""
        assert refusal(directory, "nobody", "alice-password") is Refusal.UNKNOWN_PERSON

    @pytest.mark.parametrize("net_id", [" alice", "alice ", "ALICE", "Alice\t", "\u00a0alice\r\n"])
    def test_every_spelling_is_one_person(self, directory: Directory, net_id: str) -> None:
        """Case and surrounding spaces do not matter: net id and id are the entry's (RFC 4518, 2)."""
        person = directory.find(net_id).verify("alice-password")
        assert (person.id, person.net_id) == (self.campus.alice_id, "alice")

    def test_name_is_composed(self, directory: Directory) -> None:
        """A name typed in decomposed Unicode finds the composed one (RFC 5198, 3)."""
        assert directory.find("Ju\u0308rgen").verify("juergen-password").net_id == "jürgen"

    @pytest.mark.parametrize(
        "net_id",
        [
            "",
            " ",
            "*",
            "a*",
            "alice)(uid=*",
            "*)(|(uid=*",
            "al\\69ce",
            "alice\0",
            "a\x01",
            "\ud800",
        ],
    )
    def test_hostile_name_finds_nobody(self, directory: Directory, net_id: str) -> None:
        """A name is a value, and cannot change the filter (RFC 4515, 3)."""
        assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON

    def test_name_that_is_too_long_is_unacceptable(self, directory: Directory) -> None:
        """A name over 256 characters is refused before it is processed."""
        assert refusal(directory, "x" * 257, "alice-password") is Refusal.UNACCEPTABLE
        assert refusal(directory, "x" * 256, "alice-password") is Refusal.UNKNOWN_PERSON

    def test_name_with_special_characters_is_found(self, directory: Directory) -> None:
        """Characters special in filters and DNs are escaped, and the server's DN is used (RFC 4515, 3)."""
        odd = self.campus.odd_name
        assert directory.find(odd).verify("weird-password").net_id == odd

    def test_two_matching_entries_are_ambiguous(self, open_with: Callable[..., Directory]) -> None:
        """Exactly one entry may match (RFC 4511, 4.5.1.4)."""
        directory = open_with(user_filter=self.campus.twin_filter)
        assert refusal(directory, "twin", "twin-password") is Refusal.AMBIGUOUS

    def test_more_entries_than_the_limit_are_ambiguous(self, open_with: Callable[..., Directory]) -> None:
        """More entries than the size limit give sizeLimitExceeded (RFC 4511, 4.5.1.4)."""
        name = self.campus.net_id_attribute
        directory = open_with(user_filter=f"(|({name}={{username}}){self.campus.everybody})")
        assert refusal(directory, "alice", "alice-password") is Refusal.AMBIGUOUS

    def test_disabled_person_is_refused(self, directory: Directory) -> None:
        """An entry that is locked for good is disabled (draft-behera-ldap-password-policy-10, 5.3.3)."""
        assert refusal(directory, "sam", "sam-password") is Refusal.DISABLED

    def test_find_reads_the_person_again(self, directory: Directory) -> None:
        """The stable id finds the same person without a password (RFC 4530, 2.1)."""
        assert directory.read(self.campus.alice_id) == directory.find("alice").verify("alice-password")

    @pytest.mark.parametrize(
        "person_id", ["00000000-0000-4000-8000-00000000ffff", "*", "", "not an id", f"{ALICE})(uid=*"]
    )
    def test_unknown_id_is_an_unknown_person(self, directory: Directory, person_id: str) -> None:
        """An id that no entry has is refused, whatever characters it contains (RFC 4515, 3)."""
        with pytest.raises(InvalidCredentials) as caught:
            directory.read(person_id)
        assert caught.value.reason is Refusal.UNKNOWN_PERSON

    def test_disabled_person_is_refused_at_a_refresh(self, open_with: Callable[..., Directory]) -> None:
        """A refresh checks the same account states as a login."""
        directory = open_with(id_attribute=self.campus.net_id_attribute)
        with pytest.raises(InvalidCredentials) as caught:
            directory.read("sam")
        assert caught.value.reason is Refusal.DISABLED

    @pytest.mark.parametrize(
        ("privacy", "private"),
        [
            (None, False),
            ("mail", True),
            ("MAIL=Alice@campus.example", True),
            ("mail=other@campus.example", False),
            ("carLicense", False),
        ],
    )
    def test_privacy_attribute_marks_the_person_as_private(
        self,
        open_with: Callable[..., Directory],
        privacy: str | None,
        private: bool,  # noqa: FBT001
    ) -> None:
        """An entry with the attribute, or with the value that the setting names, asks for privacy."""
        directory = open_with(privacy=privacy)
        assert directory.find("alice").verify("alice-password").private is private
        assert directory.read(self.campus.alice_id).private is private

    def test_groups_are_read_only_on_request(self, directory: Directory) -> None:
        """Groups are read if the caller asks for them (RFC 4511, 4.5.1.8)."""
        assert directory.find("alice").verify("alice-password").groups == ()
        staff = self.campus.staff_dn
        assert staff in directory.find("alice", groups=True).verify("alice-password").groups
        assert staff in directory.read(self.campus.alice_id, groups=True).groups
        assert staff not in directory.find("bob", groups=True).verify("bob-password").groups

    @pytest.mark.parametrize("template", [False, True])
    def test_failing_group_search_reveals_nothing_about_the_password(
        self,
        open_with: Callable[..., Directory],
        template: bool,  # noqa: FBT001
    ) -> None:
        """A right password, a wrong one and an unknown name get the same error if the group search fails."""
        way = {"user_dn_template": self.campus.template} if template else {}
        nowhere = f"ou=nowhere,{self.campus.people}"
        directory = open_with(group_base=nowhere, group_filter="(member={dn})", **way)
        looked_at: list[str] = []

        def look(account: Account) -> None:
            looked_at.append(account.person_id)

        causes = set()
        for name, password in (("alice", "alice-password"), ("alice", "wrong"), ("nobody", "wrong")):
            with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_GROUP_BASE") as caught:
                log_in(directory, name, password, groups=True, look=look)
            causes.add(caught.value.cause)
        assert len(causes) == 1
        assert looked_at == [self.campus.alice_id] * 2
        assert directory.find("alice").verify("alice-password").groups == ()

    def test_spelling_is_the_directorys_own(self, directory: Directory) -> None:
        """A DN is returned as the directory writes it; a missing entry gives None (RFC 4514)."""
        name, _, rest = self.campus.staff_dn.partition(",")
        for dn in (self.campus.staff_dn, self.campus.staff_dn.upper(), f"{name} , {rest}"):
            assert directory.spelling(dn) == self.campus.staff_dn
        assert directory.spelling(f"{name}s,{rest}") is None

    def test_ping_succeeds(self, directory: Directory) -> None:
        """A directory that answers raises nothing (RFC 4512, 5.1)."""
        directory.ping()

    def test_settings_check_passes_or_names_the_setting(self, open_with: Callable[..., Directory]) -> None:
        """Good settings raise nothing. A stable id that no user has is an alarm with its setting."""
        open_with().check_settings()
        with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_ID_ATTRIBUTE") as caught:
            open_with(id_attribute="carLicense").check_settings()
        assert caught.value.alarm

    def test_closed_directory_opens_again(self, directory: Directory) -> None:
        """Closing ends the connections. The directory can be used afterwards."""
        directory.ping()
        directory.close()
        assert directory.find("alice").verify("alice-password").id == self.campus.alice_id

    def test_missing_base_is_an_alarm(self, open_with: Callable[..., Directory]) -> None:
        """A noSuchObject for the base means a wrong setting, not a wrong password (RFC 4511, appendix A)."""
        unavailable(open_with(user_base=f"ou=nowhere,{self.campus.people}"), "NETID_LDAP_USER_BASE")

    @pytest.mark.parametrize("attribute", ["employeeNumber", "userPassword"])
    def test_missing_id_is_an_alarm(self, open_with: Callable[..., Directory], attribute: str) -> None:
        """Without a stable id a login cannot succeed; a password is never returned by a search."""
        unavailable(open_with(id_attribute=attribute), "NETID_LDAP_ID_ATTRIBUTE")

    @pytest.mark.parametrize(
        "account",
        [
            {"bind_password": "wrong"},
            {"bind_dn": "cn=nobody,dc=campus,dc=example", "bind_password": "wrong"},
            {"bind_dn": "no DN at all", "bind_password": "wrong"},
        ],
    )
    def test_refused_service_account_is_an_alarm(
        self, open_with: Callable[..., Directory], account: dict[str, Any]
    ) -> None:
        """An invalidCredentials for the service account says nothing about the user (RFC 4511, A)."""
        directory = open_with(**account)
        unavailable(directory, "NETID_LDAP_BIND_PASSWORD")
        with pytest.raises(DirectoryUnavailable):
            directory.ping()

    @pytest.mark.parametrize("net_id", ["alice", " ALICE "])
    def test_template_binds_before_it_reads(self, open_with: Callable[..., Directory], net_id: str) -> None:
        """With a template, the bind comes first, and the entry is read after it (RFC 4511, 4.5.1.2)."""
        directory = open_with(user_dn_template=self.campus.template)
        person = directory.find(net_id, groups=True).verify("alice-password")
        assert (person.id, person.net_id) == (self.campus.alice_id, "alice")
        assert person == directory.read(self.campus.alice_id, groups=True)

    def test_template_without_account_reads_the_entry_as_the_user(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """Without a service account, the user's own connection reads the entry."""
        nobody = {"user_base": None, "bind_dn": None, "bind_password": None}
        directory = open_with(user_dn_template=self.campus.template, **nobody)
        assert directory.find("alice").verify("alice-password").id == self.campus.alice_id
        assert refusal(directory, "bob", "alice-password") is Refusal.WRONG_PASSWORD
        assert directory.find("bob").verify("bob-password").net_id == "bob"

    def test_template_escapes_the_name(self, open_with: Callable[..., Directory]) -> None:
        """A name is a value, and cannot change the DN (RFC 4514, 2.4)."""
        directory = open_with(user_dn_template=self.campus.template)
        odd = self.campus.odd_name
        assert directory.find(odd).verify("weird-password").net_id == odd
        for net_id in ("alice,ou=people", "alice+cn=Alice Baker", "#alice", "alice\\", "nobody", "a=b"):
            assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON


class ManyNamesConformance:
    """For directories in which a user may have several login names, or none."""

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory with ordinary settings."""
        return open_with()

    def test_net_id_is_the_name_in_the_dn(self, directory: Directory) -> None:
        """Of several names, the one in the entry's DN is the net id, whichever was typed (RFC 4514, 2.3)."""
        names = {directory.find(name).verify("smith-password").net_id for name in ("j.smith", "A-SMITH")}
        assert names == {"j.smith"}

    def test_entry_without_a_name_is_an_alarm(self, open_with: Callable[..., Directory]) -> None:
        """A user without a net id cannot be named in a token."""
        directory = open_with(user_filter="(mail={username})")
        with pytest.raises(DirectoryUnavailable, match="shows no uid") as caught:
            directory.find("nameless@campus.example").verify("nameless-password")
        assert caught.value.alarm


class AccountDatesConformance:
    """For directories that record when an account begins and ends."""

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory with ordinary settings."""
        return open_with()

    def test_ended_account_is_refused(self, directory: Directory) -> None:
        """An account past its end is expired (draft-behera-ldap-password-policy-10, 5.3.11)."""
        assert refusal(directory, "ended", "ended-password") is Refusal.EXPIRED

    def test_account_that_has_not_begun_is_refused(self, directory: Directory) -> None:
        """An account before its start may not log in yet (draft-behera-ldap-password-policy-10, 5.3.10)."""
        assert refusal(directory, "unbegun", "unbegun-password") is Refusal.NOT_NOW

    def test_account_dates_follow_the_clock(self, open_with: Callable[..., Directory]) -> None:
        """The clock that was passed in decides whether an account has ended."""
        directory = open_with(clock=lambda: 0.0)
        with pytest.raises(InvalidCredentials) as caught:
            directory.read("00000000-0000-4000-8000-000000000005")
        assert caught.value.reason is Refusal.NOT_NOW
        assert directory.read("00000000-0000-4000-8000-000000000004").net_id == "ended"

    def test_template_checks_the_account_state_after_the_bind(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """The entry that is read after the bind may still refuse the user."""
        assert refusal(open_with(user_dn_template=TEMPLATE), "ended", "ended-password") in {
            Refusal.EXPIRED,
            Refusal.LOCKED,  # a server that knows of such dates refuses the bind itself
        }


def unavailable(directory: Directory, setting: str) -> None:
    """Log in with the right password, which must end in an alarm that names the setting at fault."""
    with pytest.raises(DirectoryUnavailable, match=setting) as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm
