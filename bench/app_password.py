"""What a login with an app password costs, beside one with the Net ID password.

    python -m bench.app_password [logins]

The CPU of the directory, a process of its own, does not count. A script logs in again and again, so its user
was read within five minutes; of a user who was not, the directory is asked.
"""

import statistics
import sys
import tempfile
import time
import uuid
from base64 import b64decode
from collections.abc import Mapping, Sequence
from itertools import count
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
    NET_ID: "Net ID password",
    RECENT: "app password of a user who was read minutes ago",
    UNREAD: "app password of another user each time",
}
_RECENT_USERS = 50
_DAY = 86_400


def make(instance: Path, settings: Mapping[str, str], authorization: str, people: int) -> Sequence[str]:
    """Make an app password for each of the first users, and return their values.

    Args:
        instance: the instance folder of a running server.
        settings: its settings.
        authorization: the Authorization header of the client that may use them.
        people: how many.
    """
    client_id = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0]
    values = [new_app_password() for _ in range(people)]
    now = int(time.time())
    app = create_app({"NETID_INSTANCE_PATH": str(instance), **settings})
    with app.app_context():
        store = AppPasswordStore(time.time)
        for number, value in enumerate(values):
            made = AppPassword(
                id=number.to_bytes(16, "big"),
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


def measure(contender: Contender, values: Sequence[str], logins: int) -> dict[str, float]:
    """Return milliseconds of the server's CPU for each kind of login.

    Args:
        contender: the server.
        values: app passwords of the first users: of as many as are logged in, and of those before them.
        logins: how many of each kind.
    """
    authorization = contender.target.authorization
    users = count()

    def spent(secret: str, numbers: range) -> float:
        def log_in(browser: Browser) -> None:
            number = numbers[next(users) % len(numbers)]
            browser.password_grant(
                number, authorization, values[number] if secret != NET_ID else password(number)
            )

        before = cpu_seconds(contender.pid)
        with browsers(contender.target.url) as run:
            run(log_in, logins)
        return (cpu_seconds(contender.pid) - before) / logins * 1000

    recent = range(_RECENT_USERS)
    spent(RECENT, recent)
    return {
        NET_ID: spent(NET_ID, range(PEOPLE)),
        RECENT: spent(RECENT, recent),
        UNREAD: spent(UNREAD, range(_RECENT_USERS, len(values))),
    }


def main() -> None:
    """Measure three rounds, and print their medians."""
    logins = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        slapd = Slapd(Path(name) / "slapd", trustme.CA(), crowd(PEOPLE))
        slapd.start()
        try:
            settings = settings_for(slapd)
            for number in range(3):
                # A new server each time, which has read nobody.
                instance = Path(name) / f"instance{number}"
                with ours(instance, settings) as contender:
                    made = make(instance, settings, contender.target.authorization, _RECENT_USERS + logins)
                    rounds.append(measure(contender, made, logins))
        finally:
            slapd.stop()
    for kind, title in WORK.items():
        milliseconds = statistics.median(each[kind] for each in rounds)
        ratio = statistics.median(each[kind] / each[NET_ID] for each in rounds)
        print(f"{milliseconds:.2f} ms  {ratio:4.0%}  {title}")


if __name__ == "__main__":
    main()
