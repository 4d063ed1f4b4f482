"""What the directory's settings accept: how a text becomes a value, and the error for a wrong text.

Owns: the rules of addresses, filters, names and realms of a directory. A rule raises ValueError with the rest
of a sentence that begins with the setting's name ("must be …"). The error never repeats a possible password.
Must not know: where a value came from, and any other setting.
"""

import re
from importlib import import_module
from pathlib import Path

from core.setting_rules import file_fault, split_url, text, words
from directory.ldap.connections.uri import ServerUri
from directory.ldap.kinds.claim_attributes import ALWAYS, CLAIMS, EMAIL, NAME, VERIFIED
from directory.ldap.kinds.profiles import PROFILES

EMBEDDED = "embedded:"
USERNAME = "{username}"
GROUP_DN = "{dn}"
_PROJECT_ROOT = Path(__file__).resolve().parents[2]


def ldap_uris(value: object) -> tuple[str, ...]:
    """Parse the servers in order of preference, or the embedded directory. Raises ValueError on a mistake."""
    uris = words(value)
    if not uris:
        raise ValueError("must name at least one server")
    if len(uris) > 1 and any(uri.startswith(EMBEDDED) for uri in uris):
        raise ValueError("must be one embedded: directory alone, or servers with spaces between")
    checked = []
    for place, uri in enumerate(uris, 1):
        try:
            checked.append(_ldap_uri(uri))
        except ValueError as error:
            place_if_many = f" (address {place} of {len(uris)})" if len(uris) > 1 else ""
            raise ValueError(f"{error}{place_if_many}") from None
    return tuple(checked)


def clear_text_hosts(uris: tuple[str, ...]) -> list[str]:
    """Find the servers to which passwords would be sent in clear text without StartTLS.

    Args:
        uris: Checked addresses of directories.

    Returns:
        The hosts of `ldap://` addresses that are not this machine.
    """
    servers = [ServerUri.parse(uri) for uri in uris if uri.startswith("ldap://")]
    return [server.host for server in servers if not server.is_loopback]


def embedded_file(uri: str) -> Path:
    """Find the LDIF file of an embedded directory.

    Args:
        uri: `embedded:` and a path; a relative one starts at the project's root.

    Returns:
        The path, absolute.
    """
    return _PROJECT_ROOT / uri.removeprefix(EMBEDDED)


def profile(value: object) -> str:
    """Parse the kind of directory. Raises ValueError if it has no profile."""
    if value not in PROFILES:
        *others, last = map(repr, PROFILES)
        raise ValueError(f"must be {', '.join(others)} or {last}")
    return str(value)


def search_filter(value: object) -> str:
    """Parse the filter that finds a user. Raises ValueError if it is not one filter (RFC 4515)."""
    return _filter(_template(value), "(uid={username})")


def group_filter(value: object) -> str:
    """Parse the filter that finds a user's groups. Raises ValueError if it is not one filter (RFC 4515)."""
    template = text(value)
    plain = template.replace(USERNAME, "").replace(GROUP_DN, "")
    if plain == template or re.search(r"[{}]", plain):
        raise ValueError("must hold {dn} or {username}, whose groups are searched, and no other braces")
    return _filter(template, "(member={dn})")


def realms(value: object) -> tuple[str, ...]:
    """Parse the realms to remove from a login name. Raises ValueError if one has `@` or a backslash."""
    names = words(value)
    if any(not name.strip() or set("@\\") & set(name) for name in names):
        raise ValueError("must be names such as example.edu or EXAMPLE, without @ and without a backslash")
    return names


def dn_template(value: object) -> str:
    """Parse the pattern of a user's DN. Raises ValueError if it is no DN, or lacks `{username}`."""
    template = _template(value)
    if not re.match(r"[A-Za-z0-9.-]+ *=", template):
        raise ValueError("must be a DN, such as uid={username},ou=people,dc=example,dc=edu")
    if USERNAME not in template.partition(",")[0]:
        raise ValueError("must hold {username} in its first part")
    return template


def attribute(value: object) -> str:
    """Parse the name of an LDAP attribute. Raises ValueError if it is not one (RFC 4512, 2.5)."""
    name = text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.;-]*", name):
        raise ValueError("must be the name of one attribute, such as entryUUID")
    return name


def claim_attributes(value: object) -> tuple[str, ...]:
    """Parse pairs of a claim and its attribute, such as `phone_number=mobile`.

    Raises:
        ValueError: there is no such claim, a claim is repeated, or an attribute is none.
    """
    pairs = words(value)
    claims = [_mapped_claim(pair) for pair in pairs]
    if len(set(claims)) != len(claims):
        raise ValueError("must name each claim once")
    return pairs


def _mapped_claim(pair: str) -> str:
    """The claim of a pair. Raises ValueError on a mistake."""
    claim, equals, name = pair.partition("=")
    if not equals or claim not in CLAIMS:
        raise ValueError(f"must be pairs such as phone_number=mobile, of the claims {', '.join(CLAIMS)}")
    if not name and claim in {NAME, EMAIL}:
        raise ValueError(f"must name an attribute for {claim}")
    if name == ALWAYS and claim not in VERIFIED:
        raise ValueError(f"must hold {ALWAYS} only for {' and '.join(VERIFIED)}")
    if name:
        attribute(name)
    return claim


def attribute_or_value(value: object) -> str:
    """Parse `attribute` or `attribute=value`. Raises ValueError if it is neither."""
    name, named, wanted = (part.strip() for part in text(value).partition("="))
    try:
        attribute(name)
    except ValueError:
        raise ValueError("must be attribute or attribute=value, such as suppressPublic=TRUE") from None
    if named and not wanted:
        raise ValueError("must name a value behind its equals sign, or have none")
    return f"{name}={wanted}" if named else name


def _ldap_uri(uri: str) -> str:
    """Check one address of a directory."""
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if uri.startswith(EMBEDDED):
        fault = file_fault(embedded_file(uri))
        if fault:
            raise ValueError(fault)
        return uri
    if scheme not in {"ldap", "ldaps", "ldapi"} or not rest.startswith("//"):
        raise ValueError("must be ldap://, ldaps:// or ldapi:// addresses, or embedded: and a path")
    if scheme == "ldapi":
        if not rest.strip("/"):
            raise ValueError("must name a socket after ldapi://, such as ldapi://%2Frun%2Fslapd%2Fldapi")
        return f"ldapi:{rest}"
    if split_url(uri).path not in {"", "/"}:
        raise ValueError("must hold no path after the host; NETID_LDAP_USER_BASE says where people are")
    return f"{scheme}:{rest}".removesuffix("/")


def _template(value: object) -> str:
    """Parse a pattern that contains the login name."""
    template = text(value)
    if USERNAME not in template or re.search(r"[{}]", template.replace(USERNAME, "")):
        raise ValueError("must hold {username} where the login name belongs, and no other braces")
    return template


def _filter(template: str, example: str) -> str:
    """Check that a pattern is one filter."""
    depths = [0]
    for letter in template:
        depths.append(depths[-1] + {"(": 1, ")": -1}.get(letter, 0))
    # Within one filter the depth is zero again only at its end; a literal parenthesis is written \28 or \29.
    is_one = depths[-1] == 0 and min(depths[1:-1]) > 0
    if not is_one or not _is_filter(template.replace(USERNAME, "x").replace(GROUP_DN, "x")):
        raise ValueError(f"must be one filter with balanced parentheses, such as {example}")
    return template


def _is_filter(text: str) -> bool:
    # Imported here, so that commands start without the library unless a filter is set.
    search = import_module("ldap3.operation.search")
    try:
        search.parse_filter(text, None, False, False, None, False)  # noqa: FBT003 - ldap3's signature
    except import_module("ldap3.core.exceptions").LDAPExceptionError:
        return False
    return True
