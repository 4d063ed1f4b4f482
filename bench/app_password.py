"""What a login with an app password costs, beside one with the Net ID password.

    python -m bench.app_password [logins]

The CPU of the directory, a process of its own, does not count. A script logs in again and again, so its user
was read within five minutes; of a user who was not, the directory is asked.
"""

import os
import statistics
import sys
import tempfile
import time
import uuid
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path

import trustme

from app import create_app
from bench.contenders import Contender, ours, settings_for
from bench.load import PEOPLE
from bench.machine import cpu_seconds
from bench.sign_in import Browser, browsers
from login.app_passwords import digest_of, new_app_password
from models import AppPassword, AppPasswordStore, db
from models.tables import DEFAULT_DIRECTORY
from telemetry import AuditEvent
from tests.servers.crowd import crowd, net_id, password
from tests.servers.slapd import Slapd

NET_ID, RECENT, UNREAD = "Net ID password", "app password", "app password, user not read yet"
WORK = {
    NET_ID: "login with the Net ID password, sent in the same way",
    RECENT: "login with an app password, whose user was read minutes ago",
    UNREAD: "login with an app password of another user each time",
}
_RECENT_USERS = 50
_ROUNDS = 3
_DAY = 86_400


def users_of(number: int, logins: int) -> range:
    """The users of a round: no round has read those of another.

    Args:
        number: of the round.
        logins: of each kind in a round.
    """
    each = _RECENT_USERS + logins
    return range(number * each, (number + 1) * each)


def make(
    instance: Path, settings: Mapping[str, str], authorization: str, users: Sequence[int]
) -> Mapping[int, str]:
    """Make an app password for each of some users, and return their values.

    Args:
        instance: the instance folder of a running server.
        settings: its settings.
        authorization: the Authorization header of the client that may use them.
        users: the numbers of the users.
    """
    client_id = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0]
    values = {number: new_app_password() for number in users}
    now = int(time.time())
    app = create_app({"NETID_INSTANCE_PATH": str(instance), **settings})
    with app.app_context():
        store = AppPasswordStore(time.time)
        for number, value in values.items():
            made = AppPassword(
                id=os.urandom(16),
                client_id=client_id,
                directory=DEFAULT_DIRECTORY,
                subject=str(uuid.uuid5(uuid.NAMESPACE_OID, net_id(number))),
                net_id=net_id(number),
                label="bench",
                scope="",
                networks=(),
                created_at=now,
                expires_at=now + _DAY,
            )
            store.add(made, digest_of(value) or b"", AuditEvent(event="app_password.created", at=now))
        db.engine.dispose()
    return values


def measure(contender: Contender, values: Mapping[int, str], users: Sequence[int]) -> dict[str, float]:
    """Return milliseconds of the server's CPU for each kind of login.

    Args:
        contender: the server.
        values: the app passwords of users.
        users: the users of this round.
    """
    recent, unread = users[:_RECENT_USERS], users[_RECENT_USERS:]
    authorization = contender.target.authorization

    def spent(numbers: Sequence[int], secret: Callable[[int], str]) -> float:
        turns = count()

        def log_in(browser: Browser) -> None:
            number = numbers[next(turns) % len(numbers)]
            browser.password_grant(number, authorization, secret(number))

        before = cpu_seconds(contender.pid)
        with browsers(contender.target.url) as run:
            run(log_in, len(unread))
        return (cpu_seconds(contender.pid) - before) / len(unread) * 1000

    spent(recent, values.__getitem__)
    return {
        NET_ID: spent(unread, password),
        RECENT: spent(recent, values.__getitem__),
        UNREAD: spent(unread, values.__getitem__),
    }


def main() -> None:
    """Measure some rounds, and print their medians."""
    logins = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory() as name:
        slapd = Slapd(Path(name) / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        try:
            settings = settings_for(slapd)
            with ours(Path(name) / "instance", settings) as contender:
                authorization = contender.target.authorization
                turns = [users_of(number, logins) for number in range(_ROUNDS)]
                made = make(Path(name) / "instance", settings, authorization, [*chain(*turns)])
                rounds = [measure(contender, made, users) for users in turns]
        finally:
            slapd.stop()
    for kind, title in WORK.items():
        milliseconds = statistics.median(each[kind] for each in rounds)
        ratio = statistics.median(each[kind] / each[NET_ID] for each in rounds)
        print(f"{milliseconds:.2f} ms  {ratio:4.0%}  {title}")


if __name__ == "__main__":
    main()
