"""`make bench-commands`: CPU time of commands, beside a Python that only imports Flask and SQLAlchemy.

Prints a Markdown table: seconds of CPU time, user and system, the least of some calls, and the ratio to the
baseline, which is measured in the same run.

    python -m bench.commands [calls] [clients]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

FLASK = str(Path(sys.executable).with_name("flask"))
BASELINE = (sys.executable, "-c", "import flask, flask_sqlalchemy")
COMMANDS = (
    (FLASK, "client", "list"),
    (FLASK, "client", "create", "Library", "--grant", "password", "--owner", "library"),
    (FLASK, "person", "why", "alice"),
    (FLASK, "key", "ring"),
)


def cpu_seconds(command: tuple[str, ...], instance: Path) -> float:
    """Run a command in a process of its own, and return its CPU time in seconds.

    Args:
        command: the program and its arguments.
        instance: the folder of the settings and the database.

    Raises:
        CalledProcessError: the command failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"NETID_INSTANCE_PATH": str(instance)}
    subprocess.run(command, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure every command over few clients, import many, and measure again."""
    calls, clients = (int(each) for each in (*sys.argv[1:], *("3", "10000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder)

        def least(command: tuple[str, ...]) -> float:
            return min(cpu_seconds(command, instance) for _ in range(calls))

        baseline = least(BASELINE)
        few = [least(command) for command in COMMANDS]
        file = instance / "clients.json"
        secret = "a long and random secret of the old server"
        listed = [{"client_id": f"p{n}", "client_secret": secret, "scope": "profile"} for n in range(clients)]
        file.write_text(json.dumps(listed), "utf-8")
        imported = cpu_seconds((FLASK, "client", "import", str(file)), instance)
        many = [least(command) for command in COMMANDS]
    print(f"| command | few clients, s | of the baseline | {clients} clients, s | of the baseline |")
    print("|---|---|---|---|---|")
    for command, before, after in zip(COMMANDS, few, many, strict=True):
        name = " ".join(command[1:3])
        row = (f"`flask {name}`", f"{before:.2f}", f"{before / baseline:.1f} x", f"{after:.2f}")
        print("|", " | ".join((*row, f"{after / baseline:.1f} x")), "|")
    print(f"| `flask client import` | | | {imported:.2f} | {imported / baseline:.1f} x |")
    print(f"\nBaseline, `import flask, flask_sqlalchemy`: {baseline:.2f} s.")


if __name__ == "__main__":
    main()
