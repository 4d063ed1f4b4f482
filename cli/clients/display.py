"""Finding the client that an operator means, and how it reads."""

from cli.output import Refused, moment, print_json, print_line, print_record
from cli.services import services
from models import Client, ScopeStore
from oauth.clients.registration import metadata
from oauth.policy.scope_registry import BUILT_IN


def find(name: str) -> Client:
    """The client by its id, or by its name where only one has it."""
    store = services().clients
    if found := store.get(name):
        return found
    named = [each for each in store.list() if each.client_name == name]
    if len(named) == 1:
        return named[0]
    if named:
        raise Refused(f"{len(named)} clients are called {name!r}: say which by its id.")
    raise Refused(f"There is no client {name!r}.")


def say(found: Client, *, as_json: bool) -> None:
    """Print a client and what is known of its secrets."""
    if as_json:
        print_json(metadata(found))
        return
    print_record({"client_id": found.client_id, **for_people(found)})
    for secret in found.secrets:
        facts = [f"made {moment(secret.created_at)}", f"last used {moment(secret.last_used_at) or 'never'}"]
        if secret.not_after is not None:
            ends = "ends" if secret.is_live(int(services().clock())) else "ended"
            facts.append(f"{ends} {moment(secret.not_after)}")
        facts += ["weak"] if secret.weak else []
        print_line(f"secret {secret.serial}: {', '.join(facts)}")


def for_people(found: Client) -> dict[str, object]:
    """A client's metadata, with times and flags as people read them."""
    shown = metadata(found)
    del shown["client_id"], shown["secrets"], shown["disabled_at"]
    shown["client_id_issued_at"] = moment(found.created_at)
    shown["restrictions"] = [
        f"{name} {value}" for name, values in found.restrictions.items() for value in values
    ]
    shown["flags"] = [flag for flag, on in found.flags.items() if on]
    return {**shown, "resource_server": found.resource_server or None, "state": state(found)}


def state(found: Client) -> str:
    """Whether a client is enabled, or since when not."""
    if found.disabled_at is not None:
        return f"disabled {moment(found.disabled_at)}"
    ends = [secret.rotate_by for secret in found.secrets if secret.rotate_by is not None]
    return f"enabled; weak secret, rotate by {moment(min(ends))[:10]}" if ends else "enabled"


def say_unknown_scopes(*scopes: str) -> None:
    """Tell a person of scopes that nobody has described: a slip, perhaps, or one of an older server."""
    known = {*BUILT_IN, *(scope.name for scope in ScopeStore().list())}
    if unknown := dict.fromkeys(name for scope in scopes for name in scope.split() if name not in known):
        print_line(
            f"Not in the catalogue, which flask scope create puts it into: {', '.join(unknown)}.", err=True
        )


def say_keep_secret() -> None:
    """Tell a person, and no program, that this was the only time."""
    print_line("", err=True)
    print_line("Keep the secret now: it cannot be shown again.", err=True)
