"""Redaction: the net below everything that is logged."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models import make_secret
from oauth import ACCESS, REFRESH
from oauth.tokens.format import mint
from oauth.tokens.jws import generate, signer
from telemetry import redact
from telemetry.redaction import redact_fields

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"grant_type=password&username=alice&password={SECRET}&scope=x",
        f"PASSWORD: {SECRET}",
        f'{{"password": "{SECRET} and more"}}',
        f"{{'password': '{SECRET}, and more'}}",
        f"{{'password': b'{SECRET}'}}",
        f'"password":"with \\" quote {SECRET}"',
        f"client_secret={SECRET}",
        f"client_secret = '{SECRET}'",
        f"NETID_LDAP_BIND_PASSWORD={SECRET}",
        f"access_token={SECRET}&x=y",
        f"refresh_token={SECRET}",
        f"token={SECRET}&token_type_hint=refresh_token",
        f'"token": "{SECRET}"',
        f"code={SECRET}&redirect_uri=x",
        f"code_verifier={SECRET}",
        f"client_assertion={SECRET}",
        f"Authorization: Basic {SECRET}==",
        f"authorization: bearer {SECRET}",
        f"('Authorization', 'Bearer {SECRET}')",
        f"curl -H 'Authorization: Bearer   {SECRET}'",
    ],
)
def test_secret_is_blanked(text: str) -> None:
    """Whatever shape a secret parameter or credential has in a text, its value is gone."""
    assert SECRET not in redact(text)
    assert "[redacted]" in redact(text)
    assert "and more" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token.issued",
        "grant_type=password",
        "the password is too long",
        "wrong_password",
        "The parameter password is missing.",
        "result code: 49",
        "secret 2: made yesterday",
        "https://localhost:8443/oauth/token",
        "token_type=Bearer",
    ],
)
def test_plain_text_stays(text: str) -> None:
    """What is no secret stays readable."""
    assert redact(text) == text


def make_jwt() -> str:
    """An access token as a JWT."""
    key = generate("ES256")
    return signer(key.kid, key.alg, key.private_key).sign("at+jwt", {"exp": 0})


@pytest.mark.parametrize("make", [lambda: mint(ACCESS, 0), lambda: mint(REFRESH, 0), make_secret, make_jwt])
@pytest.mark.parametrize("around", ["{}", "<{}>", "x{}", '"{}"', "\\n{}\\n", "/path/{}?x=y"])
def test_our_own_are_known_anywhere(make: Callable[[], str], around: str) -> None:
    """Tokens and secrets of ours are known by how they begin, wherever they stand."""
    secret = make()
    assert secret not in redact(around.format(secret))
    assert secret not in str(redact_fields({"line": around.format(secret)}))


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_token_is_found_in_any_text(before: str, after: str) -> None:
    """No text around it hides a token."""
    token = mint(ACCESS, 0)
    assert token not in redact(before + token + after)


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "access_token", "Password", "bind_password", "token"]
)
@pytest.mark.parametrize("value", [SECRET, SECRET.encode(), [SECRET], {"x": SECRET}])
def test_field_is_blanked_by_its_name(name: str, value: object) -> None:
    """A field of a log line that is named for a secret shows none, whatever its shape."""
    assert SECRET not in str(redact_fields({name: value, "deep": [{name: value}]}))


_PIECES = st.sampled_from(
    [
        *("password", "passwd", "secret", "client_secret", "token", "access_token", "code", "code_verifier"),
        *("device_code", "assertion", "basic", "bearer", "nida_", "nids_", "issued", "SECRET", "Token"),
        *("=", ":", " ", '"', "'", "\\", "&", ",", "-", "_", ".", "\n", "\t", "x", SECRET, "12345678"),
        *("\u017f", "\u212a", "\xa0", "pa\u017fsword=", "to\u212aen=", "\u2028"),
    ]
)


@given(st.dictionaries(_PIECES, st.lists(_PIECES, max_size=8).map("".join), max_size=4))
@example({"cause": f"pa\u017fsword={SECRET}"})
@example({"cause": f"to\u212aen={SECRET}"})
def test_a_line_is_clean_only_where_no_pattern_matches(fields: dict[str, str]) -> None:
    """The quick look at a whole line lets nothing through that the look at each field would blank."""
    redacted = redact_fields(fields)
    for name, text in fields.items():
        assert redacted[name] in {redact(text), "[redacted]"}
        assert (redacted[name] == "[redacted]") == (
            name.lower().endswith(("password", "passwd", "secret", "_token", "assertion"))
            or name.lower() in {"token", "code", "code_verifier", "device_code"}
            or redact(text) == "[redacted]"
        )


def test_fields_are_redacted_however_deep() -> None:
    """Texts in lists and mappings are redacted as well; numbers, truth and nothing stay."""
    plain = {"count": 1, "ratio": 0.5, "alarm": True, "cause": None, "password": None}
    assert redact_fields(plain) == plain
    deep = redact_fields(
        {"headers": [("Authorization", f"Bearer {SECRET}")], "error": ValueError(f"token={SECRET}")}
    )
    assert SECRET not in str(deep)
