"""What is told of a person: only what their wish, the client's registration and the token's scope allow."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows

EVERYTHING = ("--grant", "refresh_token", "--scope", "openid profile email groups eduperson")
FULL = replace(
    ALICE,
    groups=("cn=staff,ou=groups,dc=campus,dc=example",),
    affiliations=("staff",),
    principal_name="alice@campus.example",
)
PRIVATE = replace(FULL, private=True)


@pytest.fixture
def fake() -> FakeDirectory:
    """A directory that says yes to Alice, and all that there is to say of her."""
    return FakeDirectory(FULL)


def told(site: Site, token: str) -> tuple[set[str], set[str]]:
    """The names of what `/api/me` and userinfo tell of the person behind a token."""
    return set(site.get("/api/me", token).get_json()), set(site.get("/oauth/userinfo", token).get_json())


def introspected(site: Site, client: Registered, token: str) -> dict[str, object]:
    """What introspection tells of a token."""
    found: dict[str, object] = site.post("/oauth/introspect", client, token=token).get_json()
    return found


def stored_claims(site: Site) -> set[str]:
    """The names of the claims that the newest grant holds."""
    return set(json.loads(str(rows(site, "grant")[-1]["claims"])))


def test_all_claims_by_default(faked: Site) -> None:
    """A client without a list of claims is given what its scope releases (OpenID Connect Core, 5.4)."""
    token = faked.token(faked.register("a program", *EVERYTHING))
    ours, standard = told(faked, token)
    assert ours == {"sub", "net_id", "name", "mail", "groups", "affiliations", "principal_name"}
    assert standard == {
        "sub",
        "preferred_username",
        "name",
        "email",
        "groups",
        "eduperson_affiliation",
        "eduperson_principal_name",
    }


@pytest.mark.parametrize("names", ["name affiliations", "name eduperson_affiliation"])
def test_only_registered_claims(faked: Site, names: str) -> None:
    """Nothing but what is on the client's list is given or even stored; either name of a claim will do."""
    token = faked.token(faked.register("a program", *EVERYTHING, "--release", names))
    assert stored_claims(faked) == {"name", "affiliations"}
    assert told(faked, token) == (
        {"sub", "name", "affiliations"},
        {"sub", "name", "eduperson_affiliation"},
    )


def test_list_releases_no_more_than_the_scope(faked: Site) -> None:
    """A claim on the list is given only with its scope."""
    client = faked.register("a program", "--scope", "profile email", "--release", "name mail")
    assert told(faked, faked.token(client, scope="profile"))[0] == {"sub", "name"}


def test_list_holds_for_tokens_that_are_out(faked: Site) -> None:
    """A list that was shortened holds at once, for tokens of before too."""
    client = faked.register("a program", *EVERYTHING)
    token = faked.token(client)
    faked.run("client", "update", client.client_id, "--release", "mail")
    assert told(faked, token) == ({"sub", "mail"}, {"sub", "email"})
    assert "username" not in introspected(faked, client, token)


def test_list_holds_at_a_refresh(faked: Site) -> None:
    """A refresh stores no claim that the client may not be given any more."""
    client = faked.register("a program", *EVERYTHING)
    tokens = faked.ask_token(client).get_json()
    faked.run("client", "update", client.client_id, "--release", "mail")
    faked.refresh(client, tokens["refresh_token"])
    assert stored_claims(faked) == {"mail"}


def test_groups_that_are_not_released_are_not_searched(make_site: Callable[..., Site]) -> None:
    """The scope `groups` costs the directory nothing where the client may not be given them."""

    class Asked(FakeDirectory):
        def verify(self, *credentials: str, groups: bool = False, **_: object) -> object:  # type: ignore[override]
            assert not groups
            return FULL

    site = make_site(Asked())
    client = site.register("a program", "--scope", "groups", "--release", "name")
    assert told(site, site.token(client))[0] == {"sub"}


@pytest.mark.parametrize("name", ["Name", "surname", "sub", "memberOf"])
def test_claim_that_there_is_not(faked: Site, name: str) -> None:
    """A slip in a claim's name is refused when the client is registered."""
    said = faked.run("client", "create", "a program", "--release", f"name {name}", status=1)
    assert f"There is no claim {name!r}; there are net_id, name, mail" in said


@pytest.mark.parametrize(
    ("options", "username"),
    [
        ((), "alice"),
        (("--release", "net_id"), "alice"),
        (("--release", "preferred_username"), "alice"),
        (("--release", "name"), None),
    ],
)
def test_username_at_introspection(
    faked: Site, resource_server: Registered, options: tuple[str, ...], username: str | None
) -> None:
    """`username` is told unless the token's client may not be given it, whoever asks (RFC 7662, 2.2)."""
    client = faked.register("a program", "--grant", "refresh_token", "--scope", "profile", *options)
    tokens = faked.ask_token(client).get_json()
    assert introspected(faked, client, tokens["access_token"]).get("username") == username
    assert introspected(faked, client, tokens["refresh_token"]).get("username") == username
    assert introspected(faked, resource_server, tokens["access_token"]).get("username") == username


class TestPrivacy:
    """Who asked for privacy is released nothing but `sub`."""

    def test_nothing_but_sub(self, faked: Site, fake: FakeDirectory) -> None:
        """Nothing else is told anywhere, nor stored; and the token works."""
        fake.outcome = PRIVATE
        client = faked.register("a program", *EVERYTHING)
        tokens = faked.ask_token(client).get_json()
        assert told(faked, tokens["access_token"]) == ({"sub"}, {"sub"})
        assert stored_claims(faked) == set()
        assert "alice" not in str(rows(faked, "grant")).replace(ALICE.id, "")
        for token in (tokens["access_token"], tokens["refresh_token"]):
            body = introspected(faked, client, token)
            assert (body["active"], body["sub"]) == (True, ALICE.id)
            assert "username" not in body

    def test_operators_still_find_them(self, faked: Site, fake: FakeDirectory) -> None:
        """The wish is about programs: whoever answers for the server finds a person by their Net ID."""
        fake.outcome = PRIVATE
        faked.token(faked.register("a program", *EVERYTHING))
        assert ALICE.id in faked.run("grant", "list", "--person", "alice")

    def test_wish_between_login_and_refresh(self, faked: Site, fake: FakeDirectory) -> None:
        """Who asks for it later is private after the next refresh, to tokens of before too; and back."""
        client = faked.register("a program", *EVERYTHING)
        tokens = faked.ask_token(client).get_json()
        fake.outcome = PRIVATE
        later = faked.refresh(client, tokens["refresh_token"]).get_json()
        assert [row["net_id"] for row in rows(faked, "grant")] == [None]
        assert told(faked, tokens["access_token"])[0] == {"sub"}
        assert "username" not in introspected(faked, client, later["access_token"])
        fake.outcome = FULL
        faked.refresh(client, later["refresh_token"])
        assert "mail" in told(faked, later["access_token"])[0]
        assert introspected(faked, client, later["access_token"])["username"] == "alice"

    def test_kept_refresh_token_forgets_the_net_id(self, faked: Site, fake: FakeDirectory) -> None:
        """A refresh that rotates nothing takes the Net ID out of the grant as well."""
        client = faked.register("a program", *EVERYTHING, "--keep-refresh-token")
        tokens = faked.ask_token(client).get_json()
        fake.outcome = PRIVATE
        assert faked.refresh(client, tokens["refresh_token"]).status_code == 200
        assert [row["net_id"] for row in rows(faked, "grant")] == [None]

    @pytest.mark.parametrize(
        ("setting", "values", "private"),
        [
            ("suppressPublic=TRUE", ["true"], True),
            ("suppressPublic=TRUE", ["FALSE"], False),
            ("suppressPublic=TRUE", [], False),
            ("suppresspublic", ["anything"], True),
            ("suppressPublic", [], False),
            ("eduPersonEntitlement = urn:x:private", ["urn:x:other", "urn:x:private"], True),
        ],
    )
    def test_directory_has_the_wish(
        self,
        make_site: Callable[..., Site],
        tmp_path: Path,
        setting: str,
        values: list[str],
        private: bool,  # noqa: FBT001
    ) -> None:
        """The setting names the attribute, or the attribute and the value, by which a person asks for it."""
        ldif = tmp_path / "campus.ldif"
        shutil.copyfile("directory/campus.ldif", ldif)
        attribute = setting.partition("=")[0].strip()
        lines = "".join(f"{attribute}: {value}\n" for value in values)
        ldif.write_text(ldif.read_text("utf-8").replace("uid: alice\n", f"uid: alice\n{lines}"), "utf-8")
        site = make_site(NETID_LDAP_URI=f"embedded:{ldif}", NETID_LDAP_PRIVACY_ATTRIBUTE=setting)
        token = site.token(site.register("a program", "--scope", "profile"))
        assert told(site, token)[0] == ({"sub"} if private else {"sub", "net_id", "name"})


def test_openid_scope_at_userinfo(faked: Site) -> None:
    """A token of the scope `openid` alone is good for userinfo, which tells `sub` (OIDC Core, 5.3)."""
    client = faked.register("a program", "--scope", "openid")
    assert faked.get("/oauth/userinfo", faked.token(client)).get_json() == {"sub": ALICE.id}
