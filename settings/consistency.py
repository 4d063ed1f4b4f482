"""Which settings contradict each other, and how every mistake in the settings reads.

Owns: the rules between settings, and the sentences that an operator is told, one for each mistake. Must not
know: where values are found, and what a value by itself accepts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import ErrorDetails, PydanticCustomError

from settings.directory_fields import EMBEDDED, clear_text_hosts
from settings.sources import variable

_CLASH = "settings_clash"
_PREDICATES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number that is far smaller",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:.0f}",
    "greater_than_equal": "must be at least {ge:.0f}",
    "less_than_equal": "must be at most {le:.0f}",
    "bool_type": "must be on or off (true or false, yes or no, 1 or 0)",
    "bool_parsing": "must be on or off (true or false, yes or no, 1 or 0)",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


class SettingsError(Exception):
    """The settings cannot be used; `mistakes` has one sentence for each reason, and none holds a secret."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class _Clash(NamedTuple):
    """A mistake between settings: all fields that it rests on, the one to name first, and what to say."""

    fields: tuple[str, ...]
    predicate: str


def refuse_clashes(values: Mapping[str, Any]) -> None:
    """Refuse settings that contradict each other.

    Args:
        values: All settings by field name, each acceptable by itself.

    Raises:
        PydanticCustomError: Some do; `sentences` reads it.
    """
    clashes = [*_pairs(values), *_directory(values), *_spans(values)]
    if clashes:
        text = "; ".join(f"{variable(clash.fields[0])} {clash.predicate}" for clash in clashes)
        raise PydanticCustomError(_CLASH, "{text}", {"text": text, "clashes": clashes})


def sentences(
    errors: Sequence[ErrorDetails], origins: Mapping[str, str], broken: Collection[str]
) -> list[str]:
    """Write one sentence for each mistake.

    Args:
        errors: What pydantic has against the values.
        origins: Where values from files came from, by field name, as it is put behind the name.
        broken: Fields that a mistake was found in already; contradictions that rest on them are left out.

    Returns:
        Whole sentences that begin with the setting's variable.
    """
    said = []
    for error in errors:
        context = error.get("ctx", {})
        if error["type"] == _CLASH:
            clashes = [clash for clash in context["clashes"] if not set(clash.fields) & set(broken)]
            said += [(clash.fields[0], clash.predicate) for clash in clashes]
        else:
            predicate = _PREDICATES.get(error["type"], "cannot be used").format(**context)
            said.append((str(error["loc"][0]), predicate))
    return [f"{variable(name)}{origins.get(name, '')} {predicate}." for name, predicate in said]


def _pairs(values: Mapping[str, Any]) -> Iterator[_Clash]:
    """Find one half of what is only of use together."""
    certificate = "a certificate and its private key are of use only together"
    account = "a service account with an empty password would be an anonymous bind"
    halves = [
        ("tls_cert_file", "tls_key_file", certificate),
        ("ldap_client_cert_file", "ldap_client_key_file", certificate),
        ("ldap_bind_dn", "ldap_bind_password", account),
    ]
    for one, other, reason in halves:
        if (values[one] is None) != (values[other] is None):
            given, missing = (one, other) if values[other] is None else (other, one)
            yield _Clash((missing, given), f"is missing, though {variable(given)} is given: {reason}")


def _directory(values: Mapping[str, Any]) -> Iterator[_Clash]:
    """Find what would send passwords in clear text, and searches that have no place to begin."""
    uris = values["ldap_uri"]
    hosts = [] if values["ldap_start_tls"] else clear_text_hosts(uris)
    if hosts:
        yield _Clash(
            ("ldap_start_tls", "ldap_uri"),
            f"must not be off while NETID_LDAP_URI names ldap:// at {', '.join(hosts)}: "
            "passwords would cross the network in clear text",
        )
    if values["threads"] == 1 and not uris[0].startswith(EMBEDDED):
        yield _Clash(
            ("threads", "ldap_uri"),
            "must be at least 2 with a real directory: a login that waits for it would hold the only thread, "
            "and tokens could not be checked meanwhile",
        )
    templated = values["ldap_user_dn_template"] is not None
    if values["ldap_user_base"] is None and not templated and not uris[0].startswith(EMBEDDED):
        yield _Clash(
            ("ldap_user_base", "ldap_user_dn_template", "ldap_uri"),
            "is missing: a directory is searched from there on (unless NETID_LDAP_USER_DN_TEMPLATE is given)",
        )
    by_token = values["ldap_profile"] == "active-directory"
    groups = ("ldap_group_filter", "ldap_group_base")
    given = [name for name in groups if values[name] is not None]
    if given == ["ldap_group_filter"]:
        yield _Clash(("ldap_group_base", *given), "is missing: NETID_LDAP_GROUP_FILTER searches groups there")
    if given == ["ldap_group_base"] and not by_token:
        yield _Clash(
            ("ldap_group_filter", *given, "ldap_profile"),
            "is missing: without it NETID_LDAP_GROUP_BASE says nothing",
        )


def _spans(values: Mapping[str, Any]) -> Iterator[_Clash]:
    """Find a wait that could not end before the login that it is part of."""
    deadline = values["ldap_login_deadline"]
    for name in ("ldap_connect_timeout", "ldap_read_timeout"):
        if values[name] > deadline:
            yield _Clash(
                (name, "ldap_login_deadline"),
                f"({values[name]:g} s) must not be longer than NETID_LDAP_LOGIN_DEADLINE ({deadline:g} s)",
            )
