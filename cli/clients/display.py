"""How clients are printed, and the warnings beside them."""

from collections.abc import Sequence

from admin.clients import ClientAtCap
from admin.password_grant.policy_change import changes
from cli.output import moment, print_items, print_json, print_line, print_record, print_table
from cli.services import services
from models import Client, PasswordGrantPolicy
from oauth.clients.registration import metadata

CLIENT = '{"client_id": text, "client_name": text, "grant_types": [...], ...'
"""The beginning of a client as JSON: the metadata of RFC 7591, section 2, and members of our own."""


def print_client(client: Client, *, as_json: bool) -> None:
    """Print a client and what is known of its secrets."""
    if as_json:
        print_json(metadata(client))
        return
    print_record({"client_id": client.client_id, **readable_metadata(client)})
    for secret in client.secrets:
        facts = [f"made {moment(secret.created_at)}", f"last used {moment(secret.last_used_at) or 'never'}"]
        if secret.not_after is not None:
            ends = "ends" if secret.is_live(services().now) else "ended"
            facts.append(f"{ends} {moment(secret.not_after)}")
        facts += ["weak"] if secret.weak else []
        print_line(f"secret {secret.serial}: {', '.join(facts)}")


def print_clients(clients: Sequence[Client], *, as_json: bool) -> None:
    """Print a list of clients."""
    if as_json:
        print_items(map(metadata, clients))
        return
    rows = [
        (
            each.client_id,
            each.client_name,
            " ".join(each.grant_types),
            each.scope,
            each.owner or "",
            client_state(each),
        )
        for each in clients
    ]
    print_table(("CLIENT ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"), rows)


def print_clients_at_cap(clients: Sequence[ClientAtCap], *, as_json: bool) -> None:
    """Print the clients whose users are at the cap of live grants."""
    if as_json:
        print_items(
            {
                "client_id": each.client.client_id,
                "client_name": each.client.client_name,
                "owner": each.client.owner,
                "people_at_cap": each.people,
            }
            for each in clients
        )
        return
    rows = [
        (each.client.client_id, each.client.client_name, each.client.owner or "", str(each.people))
        for each in clients
    ]
    print_table(("CLIENT ID", "NAME", "OWNER", "USERS AT THE LIMIT"), rows)


def readable_metadata(client: Client) -> dict[str, object]:
    """A client's metadata with times and flags as people read them."""
    shown = metadata(client)
    del shown["client_id"], shown["secrets"], shown["disabled_at"]
    shown["client_id_issued_at"] = moment(client.created_at)
    shown["restrictions"] = [
        f"{name} {value}" for name, values in client.restrictions.items() for value in values
    ]
    shown["password_grant"] = list(changes(PasswordGrantPolicy(), client.password_grant))
    shown["flags"] = [flag for flag, on in client.flags.items() if on]
    return {**shown, "resource_server": client.resource_server or None, "state": client_state(client)}


def client_state(client: Client) -> str:
    """Whether a client is enabled, or since when it is disabled, and when a weak secret must be replaced."""
    if client.disabled_at is not None:
        return f"disabled {moment(client.disabled_at)}"
    ends = [secret.rotate_by for secret in client.secrets if secret.rotate_by is not None]
    return f"enabled; weak secret, rotate by {moment(min(ends))[:10]}" if ends else "enabled"


def warn_of_undescribed_scopes(names: Sequence[str]) -> None:
    """Tell the operator of scopes that the catalogue does not describe: a name may be misspelt."""
    if names:
        print_line(
            f"Not in the catalogue of scopes: {', '.join(names)}. `flask scope create` adds a scope.",
            err=True,
        )


def remind_to_keep_secret() -> None:
    """Tell the operator that the secret is shown only once; standard output stays clean for programs."""
    print_line("", err=True)
    print_line("Keep the secret now: it cannot be shown again.", err=True)
