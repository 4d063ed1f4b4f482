"""Claims are released only if the person's wish, the registration and the token's scope allow it."""

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
    """A directory that accepts Alice, with every claim."""
    return FakeDirectory(FULL)


def released_names(site: Site, token: str) -> tuple[set[str], set[str]]:
    """The names of the claims that `/api/me` and userinfo give for a token."""
    return set(site.get("/api/me", token).get_json()), set(site.get("/oauth/userinfo", token).get_json())


def introspected(site: Site, client: Registered, token: str) -> dict[str, object]:
    """The answer of introspection about a token."""
    found: dict[str, object] = site.post("/oauth/introspect", client, token=token).get_json()
    return found


def stored_claims(site: Site) -> set[str]:
    """The names of the claims that the newest grant holds."""
    return set(json.loads(str(rows(site, "grant")[-1]["claims"])))


def test_client_without_a_list_gets_all_claims_of_its_scope(faked: Site) -> None:
    """A client without a list of claims gets those that its scope releases (OpenID Connect Core, 5.4)."""
    token = faked.token(faked.register("a program", *EVERYTHING))
    ours, standard = released_names(faked, token)
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
def test_client_gets_only_the_claims_of_its_list(faked: Site, names: str) -> None:
    """Only claims on the client's list are released and stored. The list may use either name of a claim."""
    token = faked.token(faked.register("a program", *EVERYTHING, "--release", names))
    assert stored_claims(faked) == {"name", "affiliations"}
    assert released_names(faked, token) == (
        {"sub", "name", "affiliations"},
        {"sub", "name", "eduperson_affiliation"},
    )


def test_list_releases_no_more_than_the_scope(faked: Site) -> None:
    """A claim on the list is released only with its scope."""
    client = faked.register("a program", "--scope", "profile email", "--release", "name mail")
    assert released_names(faked, faked.token(client, scope="profile"))[0] == {"sub", "name"}


def test_shorter_list_applies_to_earlier_tokens(faked: Site) -> None:
    """A shorter list applies at once, to earlier tokens too."""
    client = faked.register("a program", *EVERYTHING)
    token = faked.token(client)
    faked.run("client", "update", client.client_id, "--release", "mail")
    assert released_names(faked, token) == ({"sub", "mail"}, {"sub", "email"})
    assert "username" not in introspected(faked, client, token)


def test_shorter_list_applies_at_a_refresh(faked: Site) -> None:
    """A refresh stores no claim that the client may no longer have."""
    client = faked.register("a program", *EVERYTHING)
    tokens = faked.ask_token(client).get_json()
    faked.run("client", "update", client.client_id, "--release", "mail")
    faked.refresh(client, tokens["refresh_token"])
    assert stored_claims(faked) == {"mail"}


def test_groups_that_are_not_released_are_not_searched(make_site: Callable[..., Site]) -> None:
    """The scope `groups` costs no search if the client may not have groups."""

    class Asked(FakeDirectory):
        def verify(self, *credentials: str, groups: bool = False, **_: object) -> object:  # type: ignore[override]
            assert not groups
            return FULL

    site = make_site(Asked())
    client = site.register("a program", "--scope", "groups", "--release", "name")
    assert released_names(site, site.token(client))[0] == {"sub"}


@pytest.mark.parametrize("name", ["Name", "surname", "sub", "memberOf"])
def test_unknown_claim_is_refused(faked: Site, name: str) -> None:
    """A misspelt claim is refused when the client is registered."""
    printed = faked.run("client", "create", "a program", "--release", f"name {name}", status=1)
    assert f"There is no claim {name!r}; there are net_id, name, given_name" in printed


@pytest.mark.parametrize(
    ("options", "username"),
    [
        ((), "alice"),
        (("--release", "net_id"), "alice"),
        (("--release", "preferred_username"), "alice"),
        (("--release", "name"), None),
    ],
)
def test_introspection_releases_the_username_as_the_net_id(
    faked: Site, resource_server: Registered, options: tuple[str, ...], username: str | None
) -> None:
    """Each API gets `username`, unless the token's client may not have it (RFC 7662, 2.2)."""
    client = faked.register("a program", "--grant", "refresh_token", "--scope", "profile", *options)
    tokens = faked.ask_token(client).get_json()
    assert introspected(faked, client, tokens["access_token"]).get("username") == username
    assert introspected(faked, client, tokens["refresh_token"]).get("username") == username
    assert introspected(faked, resource_server, tokens["access_token"]).get("username") == username


class TestPrivacy:
    """For a person who asked for privacy, only `sub` is released."""

    def test_private_person_is_released_as_sub_only(self, faked: Site, fake: FakeDirectory) -> None:
        """No endpoint releases another claim and none is stored. The token works."""
        fake.outcome = PRIVATE
        client = faked.register("a program", *EVERYTHING)
        tokens = faked.ask_token(client).get_json()
        assert released_names(faked, tokens["access_token"]) == ({"sub"}, {"sub"})
        assert stored_claims(faked) == set()
        assert "alice" not in str(rows(faked, "grant")).replace(ALICE.id, "")
        for token in (tokens["access_token"], tokens["refresh_token"]):
            body = introspected(faked, client, token)
            assert (body["active"], body["sub"]) == (True, ALICE.id)
            assert "username" not in body

    def test_operator_finds_a_private_person(self, faked: Site, fake: FakeDirectory) -> None:
        """Privacy is about programs: the operator finds a person by their Net ID."""
        fake.outcome = PRIVATE
        faked.token(faked.register("a program", *EVERYTHING))
        assert ALICE.id in faked.run("grant", "list", "--person", "alice")

    def test_privacy_applies_from_the_next_refresh(self, faked: Site, fake: FakeDirectory) -> None:
        """A later wish applies from the next refresh, to earlier tokens too, and so does its end."""
        client = faked.register("a program", *EVERYTHING)
        tokens = faked.ask_token(client).get_json()
        fake.outcome = PRIVATE
        later = faked.refresh(client, tokens["refresh_token"]).get_json()
        assert [row["net_id"] for row in rows(faked, "grant")] == [None]
        assert released_names(faked, tokens["access_token"])[0] == {"sub"}
        assert "username" not in introspected(faked, client, later["access_token"])
        fake.outcome = FULL
        faked.refresh(client, later["refresh_token"])
        assert "mail" in released_names(faked, later["access_token"])[0]
        assert introspected(faked, client, later["access_token"])["username"] == "alice"

    def test_kept_refresh_token_forgets_the_net_id(self, faked: Site, fake: FakeDirectory) -> None:
        """A refresh that keeps its token also removes the Net ID from the grant."""
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
    def test_privacy_attribute_of_the_directory_is_read(
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
        assert released_names(site, token)[0] == ({"sub"} if private else {"sub", "net_id", "name"})


def test_openid_scope_opens_userinfo(faked: Site) -> None:
    """With a token of the scope `openid`, userinfo answers with `sub` (OpenID Connect Core, 5.3)."""
    client = faked.register("a program", "--scope", "openid")
    assert faked.get("/oauth/userinfo", faked.token(client)).get_json() == {"sub": ALICE.id}
