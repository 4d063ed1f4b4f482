"""The request parameter `claims` (OpenID Connect Core 1.0, 5.5): how it is read, and its bounds."""

import json

import pytest
from authlib.oauth2 import OAuth2Error

from oauth.policy.acr import ACR_VALUES, PASSWORD_ACR
from oauth.policy.claims_request import MAX_CLAIMS_CHARACTERS, NO_CLAIMS, ClaimsRequest, parse_claims

MAX_DEPTH = 2000


def parsed(**members: object) -> ClaimsRequest:
    """The parameter with these members."""
    return parse_claims(json.dumps(members))


def test_omitted_parameter_requests_nothing() -> None:
    """Without the parameter, scopes alone decide (5.4)."""
    assert parse_claims(None) == NO_CLAIMS
    assert parse_claims("{}") == NO_CLAIMS


def test_claims_of_both_targets_are_read() -> None:
    """Each target has its own claims, under either name, each once (5.5)."""
    read = parsed(userinfo={"email": None, "given_name": {"essential": True}}, id_token={"email": None})
    assert (read.userinfo, read.id_token) == (("mail", "given_name"), ("mail",))


def test_unknown_members_are_ignored() -> None:
    """Unknown claims, members and languages are ignored (5.5 and 5.2)."""
    read = parsed(
        userinfo={"https://x.example/y": None, "name#ja": None, "name": {"z": [1]}}, other={"name": 1}
    )
    assert read == ClaimsRequest(userinfo=("name",))


def test_null_target_requests_nothing() -> None:
    """A target may be null."""
    assert parsed(userinfo=None, id_token=None) == NO_CLAIMS


def test_value_of_another_claim_changes_nothing() -> None:
    """A claim that is requested with a value is released as it is, whatever the value (5.5.1)."""
    assert parsed(userinfo={"email": {"value": "x", "essential": True}}) == ClaimsRequest(userinfo=("mail",))


@pytest.mark.parametrize("target", ["userinfo", "id_token"])
@pytest.mark.parametrize("wanted", [{"value": "alice"}, {"values": ["alice"]}])
def test_value_of_sub_is_the_only_subject(target: str, wanted: object) -> None:
    """The client accepts an answer about this subject alone (5.5.1)."""
    assert parsed(**{target: {"sub": wanted}}).sub == "alice"


def test_sub_without_value_demands_nobody() -> None:
    """`sub` may be requested as any claim."""
    assert parsed(id_token={"sub": {"essential": True}}).sub is None


class TestAcr:
    """An essential `acr` with values that no sign-in has is a failed authentication (5.5.1.1)."""

    def test_essential_acr_of_ours_is_met(self) -> None:
        """A password satisfies its own class, also as one of several values."""
        for wanted in ({"value": PASSWORD_ACR}, {"values": ["x", PASSWORD_ACR]}):
            assert parsed(id_token={"acr": {"essential": True, **wanted}}).is_met_by(ACR_VALUES)

    def test_other_essential_acr_is_not_met(self) -> None:
        """No sign-in has it."""
        assert not parsed(id_token={"acr": {"essential": True, "values": ["mfa"]}}).is_met_by(ACR_VALUES)

    @pytest.mark.parametrize("wanted", [None, {"values": ["mfa"]}, {"essential": True}])
    def test_voluntary_acr_is_met_by_any(self, wanted: object) -> None:
        """A voluntary `acr` never fails, and an essential one without values is met by any."""
        assert parsed(id_token={"acr": wanted}).is_met_by(ACR_VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "null",
        '"text"',
        "1",
        '{"userinfo": 1}',
        '{"userinfo": []}',
        '{"userinfo": {"email": 1}}',
        '{"userinfo": {"email": []}}',
        '{"id_token": {"sub": {"value": 1}}}',
        '{"id_token": {"sub": {"values": "alice"}}}',
        '{"id_token": {"sub": {"values": ["alice", "bob"]}}}',
        '{"id_token": {"sub": {"value": "alice"}}, "userinfo": {"sub": {"value": "bob"}}}',
        '{"id_token": {"acr": {"essential": true, "values": [[]]}}}',
        '{"userinfo": {}, "userinfo": {}}',
        '{"userinfo": {"email": NaN}}',
        '{"userinfo": {"email": ' + "9" * 5000,
        "[" * MAX_DEPTH,
        '{"userinfo":' * 300,
        " " * (MAX_CLAIMS_CHARACTERS + 1),
        '{"userinfo": {"email": null}' + " " * MAX_CLAIMS_CHARACTERS + "}",
        '"\\ud800"',
    ],
)
def test_malformed_parameter_is_one_error(text: str) -> None:
    """What is not the object of section 5.5, or is too long, is `invalid_request` (RFC 6749, 4.1.2.1)."""
    with pytest.raises(OAuth2Error) as refused:
        parse_claims(text)
    assert refused.value.error == "invalid_request"
    assert text[:20] not in refused.value.description or len(text) < 2


def test_scopes_are_those_that_release_the_same_claims() -> None:
    """A consent page asks for them, so that no claim is released unsaid."""
    read = parsed(userinfo={"email": None, "groups": None}, id_token={"phone_number": None})
    assert read.scopes == {"email", "groups", "phone"}
