"""`flask client list --offenders`: programs that log people in at every call."""

from collections.abc import Sequence

from cli.output import print_json, print_table
from cli.services import services
from models import Client, people_at_cap


def say_offenders(clients: Sequence[Client], *, as_json: bool) -> None:
    """Print the clients with people at the cap of live grants, those with the most people first."""
    people = people_at_cap(services().settings.grants_per_person, int(services().clock()))
    found = sorted(
        (each for each in clients if each.client_id in people), key=lambda each: -people[each.client_id]
    )
    if as_json:
        shown = ("client_id", "client_name", "owner")
        print_json(
            [
                {name: getattr(each, name) for name in shown} | {"people_at_cap": people[each.client_id]}
                for each in found
            ]
        )
        return
    rows = [
        (each.client_id, each.client_name, each.owner or "", str(people[each.client_id])) for each in found
    ]
    print_table(("CLIENT ID", "NAME", "OWNER", "PEOPLE AT THE CAP"), rows)
