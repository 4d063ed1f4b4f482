"""Checks of registrations: secrets, flags, owners, grants and audiences of clients."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from admin.self_audit.finding import Check, Trouble, Weight, command, host_of, of_client, selection
from admin.self_audit.snapshot import DAY, Snapshot
from core.setting_rules import is_loopback
from models import Client, ClientSecret
from oauth.clients.registration import (
    DETAILED_ERRORS,
    KEEP_REFRESH_TOKEN,
    OPAQUE,
    STRICT_AUTH_METHOD,
    TOLERANT_SCOPE,
    URL_ENCODING_HINTS,
)
from oauth.policy.restrictions import DEFAULT_AUDIENCE

UNUSED_DAYS = 90
"""Days without a use of any secret after which a client is unused."""
SECRET_DAYS = 2 * 365
"""Days after which a secret has not been replaced for long."""
_BROAD = {4: 8, 6: 16}
"""The shortest prefix of a network, by the version of IP, that an organisation may have to itself."""
_ROTATE = "client rotate-secret"


def _no_owner(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client has no owner, so nobody can be asked about it."""
    for client in snapshot.enabled:
        if not client.owner:
            mend = command("client update", client, "--owner ADDRESS")
            yield of_client(client, "Nobody can be asked about this client: it has no owner.", mend)


def _weak_secret(snapshot: Snapshot) -> Iterator[Trouble]:
    """An imported secret can be guessed: `high` once its three months are over, `low` if it has an end."""
    for client in snapshot.enabled:
        for secret in _live_secrets(client, snapshot.now):
            if secret.rotate_by is None:
                continue
            is_overdue = secret.rotate_by <= snapshot.now
            yield of_client(
                client,
                f"Secret {secret.serial} can be guessed" + (", and its time is over." if is_overdue else "."),
                command(_ROTATE, client),
                weight=Weight.HIGH if is_overdue else Weight.LOW if secret.not_after is not None else None,
            )


def _shared_secret(snapshot: Snapshot) -> Iterator[Trouble]:
    """Several clients have the same secret, so that the program of one can act as the other."""
    owners: dict[tuple[str, bytes], list[Client]] = {}
    for client in snapshot.enabled:
        for secret in _live_secrets(client, snapshot.now):
            owners.setdefault((secret.key_id, secret.digest), []).append(client)
    sharing = {
        client.client_id: len(them) - 1 for them in owners.values() if len(them) > 1 for client in them
    }
    for client in snapshot.enabled:
        if others := sharing.get(client.client_id):
            whose = "1 other client" if others == 1 else f"{others} other clients"
            sentence = f"Its secret is also that of {whose}: one program can act as another."
            yield of_client(client, sentence, command(_ROTATE, client))


def _old_secret(snapshot: Snapshot) -> Iterator[Trouble]:
    """A live secret has not been replaced for two years."""
    for client in snapshot.enabled:
        newest = max((each.created_at for each in _live_secrets(client, snapshot.now)), default=None)
        if newest is not None and snapshot.age(newest) > SECRET_DAYS:
            sentence = f"The secret has not been replaced for {snapshot.age(newest)} days."
            yield of_client(client, sentence, command(_ROTATE, client))


def _unused(snapshot: Snapshot) -> Iterator[Trouble]:
    """Nobody has used a client's live secrets for 90 days."""
    since = snapshot.now - UNUSED_DAYS * DAY
    for client in snapshot.enabled:
        secrets = _live_secrets(client, snapshot.now)
        # A new secret, or one of a program that was imported lately, may not have been tried yet.
        uses = [max(each.created_at, each.last_used_at or 0) for each in secrets]
        if secrets and max(uses) < since:
            sentence = f"No secret of this client has been used for {UNUSED_DAYS} days, but they still work."
            yield of_client(client, sentence, command("client disable", client))


def _no_live_secret(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client must authenticate, but each of its secrets has ended."""
    for client in snapshot.enabled:
        if not client.is_public and not _live_secrets(client, snapshot.now):
            sentence = "Each secret of this client has ended: it can do nothing, and may be forgotten."
            yield of_client(client, sentence, command("client disable", client))


def _public_resource_server(snapshot: Snapshot) -> Iterator[Trouble]:
    """An API may introspect tokens without a secret, so anybody can."""
    for client in snapshot.enabled:
        if client.resource_server and client.is_public:
            sentence = "This API has no secret: anybody can introspect tokens in its name."
            yield of_client(client, sentence, command("client update", client, "--no-resource-server"))


def _kept_refresh_token(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client's refresh token is not replaced at its use, so a stolen copy is not noticed."""
    for client in _flagged(snapshot, KEEP_REFRESH_TOKEN):
        yield of_client(
            client,
            "Its refresh token stays the same at a refresh, so the use of a stolen copy is not noticed.",
            command("client update", client, "--rotate-refresh-token"),
            weight=Weight.HIGH if client.is_public else None,
        )


def _told_reasons(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client is told why a login was refused, so it can learn which users exist and are locked."""
    for client in _flagged(snapshot, DETAILED_ERRORS):
        yield of_client(
            client,
            "It is told why a login was refused: anybody with its credentials learns the state of accounts.",
            command("client update", client, "--no-told-reasons"),
            weight=Weight.MEDIUM if client.is_public else None,
        )


def _encoding_hints(snapshot: Snapshot) -> Iterator[Trouble]:
    """Errors still hint at a fault of the client's program, which should be mended by now."""
    for client in _flagged(snapshot, URL_ENCODING_HINTS):
        yield of_client(
            client,
            "Its errors hint at passwords that were not URL-encoded, which its program should be rid of.",
            command("client update", client, "--no-url-encoding-hints"),
        )


def _tolerant_scope(snapshot: Snapshot) -> Iterator[Trouble]:
    """A request for a scope that the client may not have succeeds without that scope."""
    for client in _flagged(snapshot, TOLERANT_SCOPE):
        yield of_client(
            client,
            "It may request scopes that it cannot have: nobody notices that its program asks for too much.",
            command("client update", client, "--strict-scope"),
        )


def _any_method(snapshot: Snapshot) -> Iterator[Trouble]:
    """A secret is accepted in the header and in the form, though one method is registered."""
    for client in snapshot.enabled:
        if not client.is_public and not client.flags.get(STRICT_AUTH_METHOD):
            yield of_client(
                client,
                "Its secret is accepted in the header and in the form, whatever method is registered.",
                command("client update", client, "--strict-auth-method"),
            )


def _no_audience(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client's JWT access tokens name no API, so that each API which trusts the issuer may take them."""
    for client in snapshot.enabled:
        names_api = client.audiences and client.restrictions.get(DEFAULT_AUDIENCE)
        if client.grant_types and client.access_token_format != OPAQUE and not names_api:
            yield of_client(
                client,
                "Its JWT access tokens are for every API unless the program names one.",
                command("client update", client, "--audience URI --default-audience URI"),
            )


def _unlimited_network(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client is bound to networks, but one of them is most of the Internet."""
    for client in snapshot.enabled:
        broad = [each for each in client.restrictions.get("networks", ()) if is_broad(each)]
        if broad:
            mend = command("client update", client, "--network CIDR")
            yield of_client(client, f"Its network {broad[0]} is most of the Internet.", mend)


def _plain_origin(snapshot: Snapshot) -> Iterator[Trouble]:
    """A page of another origin may read tokens, and is not https."""
    for client in snapshot.enabled:
        plain = [each for each in client.restrictions.get("cors_origins", ()) if _is_plain(each)]
        if plain:
            mend = command("client update", client, "--cors-origin ORIGIN")
            sentence = f"Pages of {plain[0]} read its tokens, and anybody on their way can change them."
            yield of_client(client, sentence, mend)


def _at_cap(snapshot: Snapshot) -> Iterator[Trouble]:
    """Users of a client reach the cap of live grants: it logs in at every call."""
    for client in snapshot.enabled:
        if people := snapshot.people_at_cap.get(client.client_id):
            sentence = f"It logs in at every call: {people} users have as many live grants as the cap allows."
            yield of_client(client, sentence, selection("grant list", client))


def is_broad(network: str) -> bool:
    """Whether a network is larger than one organisation may have to itself.

    Args:
        network: in CIDR notation.
    """
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        return False
    return parsed.prefixlen < _BROAD[parsed.version]


def _is_plain(origin: str) -> bool:
    return origin.startswith("http://") and not is_loopback(host_of(origin))


def _live_secrets(client: Client, now: int) -> Sequence[ClientSecret]:
    return [each for each in client.secrets if each.is_live(now)]


def _flagged(snapshot: Snapshot, flag: str) -> Iterator[Client]:
    return (each for each in snapshot.enabled if each.flags.get(flag))


CHECKS = (
    Check("client-without-owner", Weight.LOW, _no_owner),
    Check("secret-weak", Weight.MEDIUM, _weak_secret, ("RFC 9700, 2.5", "ASVS 10.4.10")),
    Check("secret-shared", Weight.MEDIUM, _shared_secret, ("RFC 9700, 2.5", "ASVS 10.4.10")),
    Check("secret-old", Weight.LOW, _old_secret, ("RFC 9700, 2.5",)),
    Check("client-unused", Weight.LOW, _unused),
    Check("client-without-live-secret", Weight.NOTE, _no_live_secret),
    Check("resource-server-public", Weight.HIGH, _public_resource_server, ("RFC 9700, 2.5", "ASVS 10.4.10")),
    Check("refresh-token-kept", Weight.LOW, _kept_refresh_token, ("RFC 9700, 4.14.2", "ASVS 10.4.5")),
    Check("reasons-told", Weight.LOW, _told_reasons),
    Check("encoding-hints-left-on", Weight.NOTE, _encoding_hints),
    Check("scope-tolerant", Weight.NOTE, _tolerant_scope, ("RFC 9700, 2.3", "ASVS 10.4.11")),
    Check("auth-method-any", Weight.NOTE, _any_method),
    Check("token-without-audience", Weight.LOW, _no_audience, ("RFC 9700, 2.3", "ASVS 10.3.1")),
    Check("network-unlimited", Weight.LOW, _unlimited_network),
    Check("cors-origin-http", Weight.MEDIUM, _plain_origin, ("RFC 9700, 2.6",)),
    Check("client-at-cap", Weight.LOW, _at_cap),
)
"""The checks of this subject, in the order of their findings."""
