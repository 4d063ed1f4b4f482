"""What every directory must do, one rule a test. Subclassed over each kind of directory."""

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
    with pytest.raises(InvalidCredentials) as caught:
        directory.find(net_id).verify(password)
    return caught.value.reason


@dataclass(frozen=True, kw_only=True)
class Campus:
    """The same people, by the names that one kind of directory has for them and for what they have.

    `odd_name` has what is special in filters and DNs and may be in a name there; `everybody` is a filter;
    `twin_filter` finds two people under the name `twin`; `password_changed_at` is None where it is when the
    people were loaded.
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
    """The rules. A subclass has a fixture `open_with(**settings)` that opens directories, and its campus."""

    campus: ClassVar[Campus] = Campus()

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory with the settings that the subclass thinks ordinary."""
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
        """A password is octets: neither case, space nor escaping is forgiven (RFC 4513, 5.1.3)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", ["ªlice-password", "alice\u00ad-password", "alice-passwor\u1d48"])
    def test_password_is_not_prepared(self, directory: Directory, password: str) -> None:
        """What SASLprep would turn into the right password is a wrong one (RFC 4013, 2)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", [" ", "\u00ad", "\t", "\x01", "x" * 1024])
    def test_odd_password_is_only_wrong(self, directory: Directory, password: str) -> None:
        """Spaces, soft hyphens and control characters are sent as they are (RFC 4513, 5.1.3)."""
        assert refusal(directory, "alice", password) is Refusal.WRONG_PASSWORD

    @pytest.mark.parametrize("password", ["", "\0", "alice-password\0", "x" * 1025, "ü" * 513, "\ud800"])
    def test_unacceptable_password_is_refused(self, directory: Directory, password: str) -> None:
        """An empty password would be an unauthenticated bind, so it is never sent (RFC 4513, 5.1.2)."""
        assert refusal(directory, "alice", password) is Refusal.UNACCEPTABLE

    def test_non_ascii_password_is_utf8(self, directory: Directory) -> None:
        """A password goes as UTF-8 (RFC 4513, 5.1.3)."""
        assert directory.find("zoe").verify("zoë-pässwörd").name == "Zoë Müller"

    def test_unknown_person_is_refused(self, directory: Directory) -> None:
        """A search that finds nothing is a refusal, not a fault (RFC 4511, 4.5.2)."""
        assert refusal(directory, "nobody", "alice-password") is Refusal.UNKNOWN_PERSON

    @pytest.mark.parametrize("net_id", [" alice", "alice ", "ALICE", "Alice\t", "\u00a0alice\r\n"])
    def test_every_spelling_is_one_person(self, directory: Directory, net_id: str) -> None:
        """Case and outer space do not make another person: net id and id are the entry's (RFC 4518, 2)."""
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
        """A name is a value, never a part of the filter (RFC 4515, 3)."""
        assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON

    def test_name_that_is_too_long_is_unacceptable(self, directory: Directory) -> None:
        """A name over 256 characters is refused before anything is done with it."""
        assert refusal(directory, "x" * 257, "alice-password") is Refusal.UNACCEPTABLE
        assert refusal(directory, "x" * 256, "alice-password") is Refusal.UNKNOWN_PERSON

    def test_name_with_special_characters_is_found(self, directory: Directory) -> None:
        """Characters special in filters and DNs are escaped, and the server's DN is used (RFC 4515, 3)."""
        odd = self.campus.odd_name
        assert directory.find(odd).verify("weird-password").net_id == odd

    def test_two_entries_are_refused(self, open_with: Callable[..., Directory]) -> None:
        """Exactly one entry may match; more are ambiguous (RFC 4511, 4.5.1.4)."""
        directory = open_with(user_filter=self.campus.twin_filter)
        assert refusal(directory, "twin", "twin-password") is Refusal.AMBIGUOUS

    def test_more_entries_than_the_limit_are_refused(self, open_with: Callable[..., Directory]) -> None:
        """Over the size limit the result is sizeLimitExceeded: ambiguous too (RFC 4511, 4.5.1.4)."""
        name = self.campus.net_id_attribute
        directory = open_with(user_filter=f"(|({name}={{username}}){self.campus.everybody})")
        assert refusal(directory, "alice", "alice-password") is Refusal.AMBIGUOUS

    def test_disabled_person_is_refused(self, directory: Directory) -> None:
        """An entry locked for good is disabled (draft-behera-ldap-password-policy-10, 5.3.3)."""
        assert refusal(directory, "sam", "sam-password") is Refusal.DISABLED

    def test_find_reads_the_person_again(self, directory: Directory) -> None:
        """The stable id finds the same person without a password (RFC 4530, 2.1)."""
        assert directory.read(self.campus.alice_id) == directory.find("alice").verify("alice-password")

    @pytest.mark.parametrize(
        "person_id", ["00000000-0000-4000-8000-00000000ffff", "*", "", "not an id", f"{ALICE})(uid=*"]
    )
    def test_find_of_nobody(self, directory: Directory, person_id: str) -> None:
        """An id that no entry has is an unknown person, whatever is in it (RFC 4515, 3)."""
        with pytest.raises(InvalidCredentials) as caught:
            directory.read(person_id)
        assert caught.value.reason is Refusal.UNKNOWN_PERSON

    def test_find_of_a_disabled_person(self, open_with: Callable[..., Directory]) -> None:
        """The same states are looked at as at a login."""
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
    def test_wish_for_privacy(
        self,
        open_with: Callable[..., Directory],
        privacy: str | None,
        private: bool,  # noqa: FBT001
    ) -> None:
        """Who has the attribute, or the value that is named with it, asked that nothing be told of them."""
        directory = open_with(privacy=privacy)
        assert directory.find("alice").verify("alice-password").private is private
        assert directory.read(self.campus.alice_id).private is private

    def test_groups_only_when_asked(self, directory: Directory) -> None:
        """Groups are read when wanted, and only then (RFC 4511, 4.5.1.8)."""
        assert directory.find("alice").verify("alice-password").groups == ()
        staff = self.campus.staff_dn
        assert staff in directory.find("alice", groups=True).verify("alice-password").groups
        assert staff in directory.read(self.campus.alice_id, groups=True).groups
        assert staff not in directory.find("bob", groups=True).verify("bob-password").groups

    @pytest.mark.parametrize("template", [False, True])
    def test_groups_that_cannot_be_read_tell_nothing_of_the_password(
        self,
        open_with: Callable[..., Directory],
        template: bool,  # noqa: FBT001
    ) -> None:
        """A search for groups that fails is told alike for a right, a wrong password, and an unknown name."""
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

    def test_spelling_of_a_group(self, directory: Directory) -> None:
        """A DN is told as the directory writes it, and what is not there is not told (RFC 4514)."""
        name, _, rest = self.campus.staff_dn.partition(",")
        for dn in (self.campus.staff_dn, self.campus.staff_dn.upper(), f"{name} , {rest}"):
            assert directory.spelling(dn) == self.campus.staff_dn
        assert directory.spelling(f"{name}s,{rest}") is None

    def test_ping(self, directory: Directory) -> None:
        """A directory that answers is pinged without complaint (RFC 4512, 5.1)."""
        directory.ping()

    def test_closed_directory_opens_again(self, directory: Directory) -> None:
        """Closing ends connections, not the directory."""
        directory.ping()
        directory.close()
        assert directory.find("alice").verify("alice-password").id == self.campus.alice_id

    def test_missing_base_is_an_alarm(self, open_with: Callable[..., Directory]) -> None:
        """A noSuchObject for the base is our setting's fault, nobody's password's (RFC 4511, appendix A)."""
        unavailable(open_with(user_base=f"ou=nowhere,{self.campus.people}"), "NETID_LDAP_USER_BASE")

    @pytest.mark.parametrize("attribute", ["employeeNumber", "userPassword"])
    def test_missing_id_is_an_alarm(self, open_with: Callable[..., Directory], attribute: str) -> None:
        """Without a stable id there is no person; a password is never shown to a search."""
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
        """An invalidCredentials for our own account says nothing about the person (RFC 4511, appendix A)."""
        directory = open_with(**account)
        unavailable(directory, "NETID_LDAP_BIND_PASSWORD")
        with pytest.raises(DirectoryUnavailable):
            directory.ping()

    @pytest.mark.parametrize("net_id", ["alice", " ALICE "])
    def test_template_skips_the_search(self, open_with: Callable[..., Directory], net_id: str) -> None:
        """With a template the bind comes first and the entry is read after it (RFC 4511, 4.5.1.2)."""
        directory = open_with(user_dn_template=self.campus.template)
        person = directory.find(net_id, groups=True).verify("alice-password")
        assert (person.id, person.net_id) == (self.campus.alice_id, "alice")
        assert person == directory.read(self.campus.alice_id, groups=True)

    def test_template_with_the_persons_own_eyes(self, open_with: Callable[..., Directory]) -> None:
        """Without a service account the person's own connection reads the entry."""
        nobody = {"user_base": None, "bind_dn": None, "bind_password": None}
        directory = open_with(user_dn_template=self.campus.template, **nobody)
        assert directory.find("alice").verify("alice-password").id == self.campus.alice_id
        assert refusal(directory, "bob", "alice-password") is Refusal.WRONG_PASSWORD
        assert directory.find("bob").verify("bob-password").net_id == "bob"

    def test_template_escapes_the_name(self, open_with: Callable[..., Directory]) -> None:
        """A name is a value, never a part of the DN (RFC 4514, 2.4)."""
        directory = open_with(user_dn_template=self.campus.template)
        odd = self.campus.odd_name
        assert directory.find(odd).verify("weird-password").net_id == odd
        for net_id in ("alice,ou=people", "alice+cn=Alice Baker", "#alice", "alice\\", "nobody", "a=b"):
            assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON


class ManyNamesConformance:
    """The rules of directories in which a person may have several login names, or none."""

    @pytest.fixture
    def directory(self, open_with: Callable[..., Directory]) -> Directory:
        """A directory with ordinary settings."""
        return open_with()

    def test_net_id_is_the_naming_one(self, directory: Directory) -> None:
        """Of several names, the one in the entry's DN is the net id, whichever was typed (RFC 4514, 2.3)."""
        names = {directory.find(name).verify("smith-password").net_id for name in ("j.smith", "A-SMITH")}
        assert names == {"j.smith"}

    def test_entry_without_a_name_is_an_alarm(self, open_with: Callable[..., Directory]) -> None:
        """A person without a net id is nobody that we could name."""
        directory = open_with(user_filter="(mail={username})")
        with pytest.raises(DirectoryUnavailable, match="shows no uid") as caught:
            directory.find("nameless@campus.example").verify("nameless-password")
        assert caught.value.alarm


class AccountDatesConformance:
    """The rules of directories that know from when and until when an account holds."""

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
        """Whether an account has ended is a question to the clock that was handed in."""
        directory = open_with(clock=lambda: 0.0)
        with pytest.raises(InvalidCredentials) as caught:
            directory.read("00000000-0000-4000-8000-000000000005")
        assert caught.value.reason is Refusal.NOT_NOW
        assert directory.read("00000000-0000-4000-8000-000000000004").net_id == "ended"

    def test_template_looks_at_the_state(self, open_with: Callable[..., Directory]) -> None:
        """The entry that is read after the bind may still refuse the person."""
        assert refusal(open_with(user_dn_template=TEMPLATE), "ended", "ended-password") in {
            Refusal.EXPIRED,
            Refusal.LOCKED,  # a server that knows of such dates refuses the bind itself
        }


def unavailable(directory: Directory, setting: str) -> None:
    """Log in with the right password, which must end in an alarm that names the setting at fault."""
    with pytest.raises(DirectoryUnavailable, match=setting) as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm
