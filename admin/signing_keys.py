"""The keys that sign tokens, and the server keys that encrypt them."""

from collections.abc import Sequence
from dataclasses import dataclass

from admin.operation import Services
from models import SigningKey, persistent_secret_key_ids, reencrypt
from oauth.tokens.jws import RS256
from telemetry import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyUse:
    """A key of NETID_SECRET_KEY by its fingerprint, and what still needs it.

    `makes_new` says that new secrets are made under it. `encrypted` counts the values that it encrypts.
    """

    key_id: str
    makes_new: bool
    encrypted: int
    client_names: Sequence[str]


def list_signing_keys(services: Services) -> Sequence[SigningKey]:
    """Every signing key by algorithm, newest first.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    return services.signing_keys.store.list()


def published_keys(services: Services, alg: str | None) -> Sequence[SigningKey]:
    """The published signing keys of an algorithm, or of all for None: a rotation at once would end them.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    now = services.now
    return [
        each for each in list_signing_keys(services) if each.is_published(now) and alg in (None, each.alg)
    ]


def rotate_signing_keys(
    services: Services, alg: str | None, *, at_once: bool, actor: Actor
) -> Sequence[SigningKey]:
    """Make new keys, all of them and their audit rows in one transaction.

    Args:
        services: what the use case works on.
        alg: for this algorithm; None for each algorithm that has a key, or the default if none has.
        at_once: sign with the new keys at once and stop publishing all others, for one may have been stolen.
            Otherwise a new key is published first, and signs when no verifier can have missed it.
        actor: who makes them, for the audit.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    keys = services.signing_keys
    algorithms = [alg] if alg else sorted({each.alg for each in keys.store.list()}) or [RS256]
    suffix = ", at once" if at_once else ""
    events = {each: services.event("key.rotated", actor, f"{each}{suffix}") for each in algorithms}
    made = (keys.replace if at_once else keys.rotate)(events)
    for event in events.values():
        services.tell(event)
    return made


def reencrypt_all(services: Services, *, actor: Actor) -> int:
    """Encrypt stored keys and secrets under the first server key, so that older server keys can go.

    All of them and the audit row are one transaction. A second call finds nothing to do.

    Args:
        services: what the use case works on.
        actor: who asks for it, for the audit.

    Returns:
        How many values were encrypted again.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    event = services.event("key.reencrypted", actor)
    count = reencrypt(services.signing_keys.store, services.persistent_secrets, event)
    if count:
        services.tell(event.with_count(f"{count} encrypted"))
    return count


def server_key_uses(services: Services) -> Sequence[ServerKeyUse]:
    """The keys of NETID_SECRET_KEY in their order, and what still needs each.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    now, clients = services.now, services.clients
    encrypted = [each.key_id for each in services.signing_keys.store.list() if each.is_published(now)]
    encrypted += persistent_secret_key_ids()
    secrets = [
        (secret.key_id, client.client_name)
        for client in clients.list()
        for secret in client.secrets
        if secret.is_live(now)
    ]
    return [
        ServerKeyUse(
            key_id=key_id,
            makes_new=position == 0,
            encrypted=encrypted.count(key_id),
            client_names=sorted({name for used, name in secrets if used == key_id}),
        )
        for position, (key_id, _) in enumerate(clients.hasher.keys)
    ]
