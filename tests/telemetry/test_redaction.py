"""Secrets are redacted from every log line."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from login.app_passwords import new_app_password
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
def test_secret_in_a_text_is_redacted(text: str) -> None:
    """The value of a secret parameter or credential is redacted, in each way of writing it."""
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
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    """Text without a secret stays readable."""
    assert redact(text) == text


def make_jwt() -> str:
    """An access token as a JWT."""
    key = generate("ES256")
    return signer(key.kid, key.alg, key.private_key).sign("at+jwt", {"exp": 0})


@pytest.mark.parametrize("make", [lambda: mint(ACCESS, 0), lambda: mint(REFRESH, 0), make_secret, make_jwt])
@pytest.mark.parametrize("around", ["{}", "<{}>", "x{}", '"{}"', "\\n{}\\n", "/path/{}?x=y"])
def test_our_tokens_and_secrets_are_redacted_anywhere(make: Callable[[], str], around: str) -> None:
    """Our tokens and secrets are recognised by their prefix, anywhere in a text."""
    secret = make()
    assert secret not in redact(around.format(secret))
    assert secret not in str(redact_fields({"line": around.format(secret)}))


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_token_is_redacted_in_any_text(before: str, after: str) -> None:
    """A token is redacted whatever text is around it."""
    token = mint(ACCESS, 0)
    assert token not in redact(before + token + after)


@pytest.mark.parametrize("spelled", [str, str.upper, str.swapcase, lambda value: value[:-9]])
def test_app_password_is_redacted_however_it_is_typed(spelled: Callable[[str], str]) -> None:
    """An app password in another case, or cut short, is still a secret, and no log keeps it."""
    value = spelled(new_app_password())
    assert value[8:] not in redact(f"the name {value} is unknown")
    assert value[8:] not in str(redact_fields({"cause": f"the name {value} is unknown"}))


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "access_token", "Password", "bind_password", "token"]
)
@pytest.mark.parametrize("value", [SECRET, SECRET.encode(), [SECRET], {"x": SECRET}])
def test_field_named_for_a_secret_is_redacted(name: str, value: object) -> None:
    """A field with the name of a secret is redacted, whatever its type."""
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
def test_quick_check_passes_no_field_that_the_patterns_redact(fields: dict[str, str]) -> None:
    """The quick check of a whole line passes nothing that the patterns would redact in a field."""
    redacted = redact_fields(fields)
    for name, text in fields.items():
        assert redacted[name] in {redact(text), "[redacted]"}
        assert (redacted[name] == "[redacted]") == (
            name.lower().endswith(("password", "passwd", "secret", "_token", "assertion"))
            or name.lower() in {"token", "code", "code_verifier", "device_code"}
            or redact(text) == "[redacted]"
        )


def test_nested_fields_are_redacted() -> None:
    """Texts in lists and mappings are redacted too. Numbers, booleans and None stay."""
    plain = {"count": 1, "ratio": 0.5, "alarm": True, "cause": None, "password": None}
    assert redact_fields(plain) == plain
    deep = redact_fields(
        {"headers": [("Authorization", f"Bearer {SECRET}")], "error": ValueError(f"token={SECRET}")}
    )
    assert SECRET not in str(deep)
