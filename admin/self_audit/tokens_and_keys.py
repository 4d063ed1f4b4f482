"""Checks of how long tokens live, and of the keys that sign, encrypt and digest."""

from collections.abc import Iterator

from admin.self_audit.finding import FLASK, Check, Trouble, Weight, of_setting
from admin.self_audit.snapshot import DAY, Snapshot

_HOUR = 3600
LONG_ACCESS, TOO_LONG_ACCESS = 4 * _HOUR, DAY
"""Seconds of an access token beyond which it is long, and too long."""
LONG_REFRESH, LONG_IDLE, LONG_GRANT = 90 * DAY, 60 * DAY, 366 * DAY
"""Seconds of a refresh token, of one without use, and of a whole grant beyond which it is long."""
LONG_REPLAY = 60
"""Seconds of the replay window beyond which a thief may refresh unnoticed."""
MANY_GRANTS = 1000
"""Live grants of one user with one client beyond which no cap is felt."""
OLD_SIGNING_DAYS, OVERDUE_SIGNING_DAYS = 366, 3 * 366
"""Days of a signing key after which its rotation is due, and overdue."""
OLD_SERVER_KEY_DAYS = 3 * 366
"""Days of a server key after which its replacement is due."""
_PURGE_DAYS = 7
_ROTATE = f"{FLASK} key rotate --alg"


def _access_token(snapshot: Snapshot) -> Iterator[Trouble]:
    """An access token lives long, and a stolen one with it."""
    seconds = snapshot.settings.access_token_ttl
    if seconds > LONG_ACCESS:
        yield of_setting(
            "access_token_ttl",
            f"{{setting}} lets a stolen access token work for {seconds / _HOUR:.3g} hours.",
            "3600",
            weight=Weight.MEDIUM if seconds > TOO_LONG_ACCESS else None,
        )


def _refresh_token(snapshot: Snapshot) -> Iterator[Trouble]:
    """A refresh token lives long, or long without use."""
    settings = snapshot.settings
    bounds = (("refresh_token_ttl", LONG_REFRESH, 2_592_000), ("refresh_idle_ttl", LONG_IDLE, 1_209_600))
    for name, bound, usual in bounds:
        # No token is idle for longer than it lives.
        seconds = min(getattr(settings, name), settings.refresh_token_ttl)
        if seconds > bound:
            sentence = f"{{setting}} keeps a lost refresh token alive for {seconds // DAY} days."
            yield of_setting(name, sentence, str(usual))


def _grant(snapshot: Snapshot) -> Iterator[Trouble]:
    """A user need not log in again for more than a year."""
    seconds = snapshot.settings.grant_ttl
    if seconds > LONG_GRANT:
        sentence = f"{{setting}} lets one login live {seconds // DAY} days with all its refresh tokens."
        yield of_setting("grant_ttl", sentence, "15552000")


def _replay(snapshot: Snapshot) -> Iterator[Trouble]:
    """A used refresh token is accepted again for long."""
    seconds = snapshot.settings.refresh_replay_window
    if seconds > LONG_REPLAY:
        sentence = f"{{setting}} accepts a used refresh token again for {seconds} seconds."
        yield of_setting("refresh_replay_window", sentence, "10")


def _cap(snapshot: Snapshot) -> Iterator[Trouble]:
    """The cap on a user's live grants with one client is so high that no program reaches it."""
    count = snapshot.settings.grants_per_person
    if count > MANY_GRANTS:
        sentence = f"{{setting}} allows {count:,} live grants of one user with one client."
        yield of_setting("grants_per_person", sentence, "50")


def _old_signing_key(snapshot: Snapshot) -> Iterator[Trouble]:
    """A signing key has signed for more than a year."""
    for key in snapshot.signing_keys:
        # A key that is replaced already signs for one hour more.
        days = snapshot.age(key.active_at) if key.retired_at is None else 0
        if days > OLD_SIGNING_DAYS:
            yield Trouble(
                f"{key.alg} {key.kid}",
                f"The signing key {key.kid} has signed for {days} days: rotation is due twice a year.",
                f"{_ROTATE} {key.alg}",
                weight=Weight.MEDIUM if days > OVERDUE_SIGNING_DAYS else None,
            )


def _no_signing_key(snapshot: Snapshot) -> Iterator[Trouble]:
    """An algorithm has keys, but none of them signs."""
    for alg in sorted({each.alg for each in snapshot.signing_keys}):
        keys = [each for each in snapshot.signing_keys if each.alg == alg]
        if not any(each.signs(snapshot.now) for each in keys):
            yield Trouble(alg, f"No key of {alg} signs: each has been retired.", f"{_ROTATE} {alg} --now")


def _unpurged(snapshot: Snapshot) -> Iterator[Trouble]:
    """Expired rows are not deleted: a signing key ended a week ago and is still stored."""
    week_ago = snapshot.now - _PURGE_DAYS * DAY
    ended = [each for each in snapshot.signing_keys if not each.is_published(week_ago)]
    if ended:
        yield Trouble(
            f"{ended[0].alg} {ended[0].kid}",
            f"A signing key that ended more than {_PURGE_DAYS} days ago is still stored: nothing purges.",
            f"{FLASK} token purge",
        )


def _old_server_key(snapshot: Snapshot) -> Iterator[Trouble]:
    """The file of the server key has not changed for three years."""
    changed_at = snapshot.server_key_changed_at
    if changed_at is not None and snapshot.age(changed_at) > OLD_SERVER_KEY_DAYS:
        yield of_setting(
            "secret_key",
            f"The file of {{setting}} has not changed for {snapshot.age(changed_at)} days.",
            "NEW_KEY OLD_KEY",
        )


def _several_server_keys(snapshot: Snapshot) -> Iterator[Trouble]:
    """An older server key is still listed, with or without rows that need it."""
    older = snapshot.server_keys[1:]
    published = [each.key_id for each in snapshot.signing_keys if each.is_published(snapshot.now)]
    secrets = [secret for client in snapshot.clients for secret in client.secrets]
    digests = {secret.key_id for secret in secrets if secret.is_live(snapshot.now)}
    for key_id in older:
        encrypted = key_id in published or key_id in snapshot.sealed_under
        needed = encrypted or key_id in digests
        yield Trouble(
            f"server key {key_id}",
            f"Rows still need the older server key {key_id}."
            if needed
            else f"Nothing needs the older server key {key_id}, but anybody who has it can use it.",
            f"{FLASK} key {'reencrypt' if encrypted else 'ring'}" if needed else "NETID_SECRET_KEY=NEW_KEY",
            weight=Weight.NOTE if needed else None,
        )


def _secret_in_environment(snapshot: Snapshot) -> Iterator[Trouble]:
    """A secret is not in a file of its own, so the unit file or the container's description shows it."""
    settings = snapshot.settings
    given = {
        "secret_key": settings.secret_key,
        "database_url": settings.database_url if snapshot.database.has_password else None,
        "ldap_bind_password": settings.ldap.bind_password,
    }
    for name, value in given.items():
        if value is not None and name not in settings.secret_files:
            trouble = of_setting(
                name, "{setting} is not in a file of its own: unit files and tools may show it.", ""
            )
            yield trouble._replace(mend=f"{trouble.about}_FILE=/run/secrets/{name}")


CHECKS = (
    Check("access-token-long", Weight.LOW, _access_token, ("RFC 9700, 2.2.1",)),
    Check("refresh-token-long", Weight.LOW, _refresh_token, ("RFC 9700, 4.14.2", "ASVS 10.4.8")),
    Check("grant-long", Weight.LOW, _grant, ("RFC 9700, 4.14.2", "ASVS 10.4.8")),
    Check("replay-window-long", Weight.LOW, _replay, ("RFC 9700, 4.14.2", "ASVS 10.4.5")),
    Check("grants-uncapped", Weight.LOW, _cap),
    Check("signing-key-old", Weight.LOW, _old_signing_key),
    Check("signing-key-absent", Weight.HIGH, _no_signing_key),
    Check("purge-overdue", Weight.LOW, _unpurged),
    Check("server-key-old", Weight.LOW, _old_server_key),
    Check("server-keys-several", Weight.LOW, _several_server_keys),
    Check("secret-in-environment", Weight.NOTE, _secret_in_environment),
)
"""The checks of this subject, in the order of their findings."""
