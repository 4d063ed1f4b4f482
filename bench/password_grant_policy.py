"""What the policy of a client adds to a token: the refusal that is not made, the headers, the look at people.

    python -m bench.password_grant_policy

These steps take microseconds, far less than a token varies from run to run. So they are timed by themselves,
and `make bench` prints them beside the token of the same round.
"""

from collections.abc import Callable, Mapping
from timeit import repeat

from directory import Person
from models import DEFAULT_POLICY, Client, PasswordGrantPolicy
from oauth.policy.password_grant import KnownPeople, PasswordGrantRules
from oauth.responses import add_headers, json_response

_NOW, _DAY = 1_800_000_000, 86_400
_BROWN_OUTS = tuple((_NOW + day * _DAY, _NOW + day * _DAY + 7200) for day in (1, 8, 15, 22))
POLICIES: Mapping[str, PasswordGrantPolicy] = {
    "no policy": DEFAULT_POLICY,
    "an end and four brown-outs": PasswordGrantPolicy(
        announced_at=_NOW, ends_at=_NOW + 30 * _DAY, brown_outs=_BROWN_OUTS
    ),
    "the same, closed to new people": PasswordGrantPolicy(
        announced_at=_NOW, ends_at=_NOW + 30 * _DAY, brown_outs=_BROWN_OUTS, closed_to_new_people_at=_NOW
    ),
}
"""The measured policies. The user is known, as nearly all are, so that no query is made."""
_TIMES, _REPEATS = 5000, 7


def measure() -> dict[str, float]:
    """Return milliseconds that each policy adds to a token."""
    return {name: _milliseconds(_steps(policy)) for name, policy in POLICIES.items()}


def _steps(policy: PasswordGrantPolicy) -> Callable[[], None]:
    """What a token request does because of a policy, as one function."""
    issuer = "https://login.example.edu"
    rules = PasswordGrantRules(None, f"{issuer}/help", f"{issuer}/.well-known/oauth-authorization-server")
    people = KnownPeople(lambda *_: True, "default")
    client = Client(client_id="c", client_name="a program", created_at=0, password_grant=policy)
    person = Person("an-id", "alice", "uid=alice,dc=example")
    response = json_response({})
    kept = len(response.headers)

    def run() -> None:
        headers = rules.headers(client)
        rules.check(client, is_app_password=False, now=_NOW)
        people.check(client, person)
        if headers:
            add_headers(response, headers)
            del response.headers._list[kept:]  # noqa: SLF001 - the next turn adds them again

    return run


def _milliseconds(run: Callable[[], None]) -> float:
    return min(repeat(run, number=_TIMES, repeat=_REPEATS)) / _TIMES * 1000


def main() -> None:
    """Measure once and print."""
    for name, milliseconds in measure().items():
        print(f"{milliseconds * 1000:5.2f} µs  {name}")


if __name__ == "__main__":
    main()
