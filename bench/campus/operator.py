"""The operator: runs the commands of the plan in their weeks, for each client that they are meant for.

Owns: for whom a command of the page is repeated, and that each step is in the audit. Must not know: which
programs will break; the operator knows what commands print, and who calls.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from bench.campus.book import Book
from bench.campus.plan import Plan, Section, replaced
from bench.campus.programs import Habit, Program
from bench.campus.server import DAY, CampusServer

_MONTH_WEEKS = 4
_FIRST_SHEET_WEEK, _LAST_SHEET_WEEK = 6, 58
_QUIET_DAYS = 90
"""The report of one client looks at so many days."""
_STEPS = {
    ("password-grant", "set"): "password_grant.set",
    ("password-grant", "undo"): "password_grant.undone",
    ("password-grant", "close-unused"): "password_grant.set",
    ("client", "update"): "client.updated",
    ("app-password", "create"): "app_password.created",
}
_ENDED = "password_grant_ended"
_Read = Callable[[Program, str], None]


class Operator:
    """Runs the plan, and answers calls of owners."""

    def __init__(
        self, server: CampusServer, plan: Plan, programs: Sequence[Program], book: Book, tell: _Read
    ) -> None:
        """Take over the campus.

        Args:
            server: the server.
            plan: the plan of docs/way-out.md.
            programs: the campus's programs; the operator knows their clients, owners and calls.
            book: notes each sheet.
            tell: is called with each program and the sheet that its owner got.
        """
        self._server = server
        self._plan = plan
        self._programs = {each.client_id: each for each in programs}
        self._book = book
        self._tell = tell
        self._audited = 0
        self._registered: dict[Program, int] = {}
        self._only: set[Program] = set()
        self._app_passwords: dict[str, tuple[Program, str]] = {}
        self.general_end: int | None = None
        self.agreed_ends: dict[str, int] = {}
        self.outages: set[tuple[int, int]] = set()
        self.steps: list[tuple[int, str]] = []
        self.steps_not_audited: list[str] = []
        self._special: dict[tuple[str, ...], Callable[[tuple[str, ...]], None]] = {
            ("client", "update", "--owner"): self._find_owners,
            ("password-grant", "report", "--mail"): self._send_sheets,
            ("app-password", "create"): self._offer_app_passwords,
            ("password-grant", "set", "--app-passwords"): self._refuse_net_id_passwords,
            ("password-grant", "set", "--off"): self._clean_up,
            ("client", "update", "--grant"): self._leave_it,
            ("password-grant", "report", "--client"): self._leave_it,
            ("app-password", "notices"): self._leave_it,
            ("password-grant", "set", "--on"): self._leave_it,
        }

    def register_all(self) -> None:
        """Import the clients as they were before the plan."""
        clients = [
            {
                "client_id": each.client_id,
                "client_secret": each.secret,
                "client_name": each.name,
                "grant_types": ["password", *(["refresh_token"] if each.kind.refreshes else [])],
                "scope": "profile",
                **({"owner": each.owner} if each.owner else {}),
            }
            for each in self._programs.values()
        ]
        self._server.read("client", "import", "-", stdin=json.dumps(clients))
        self._audited = self._last_audit_id()

    def work(self, week: int) -> None:
        """Do what the plan says for a week.

        Args:
            week: counted from the beginning of the plan; before it the server only counts.
        """
        for section in self._plan.sections:
            if section.week == week:
                self._follow(section)
        if week % _MONTH_WEEKS == _FIRST_SHEET_WEEK % _MONTH_WEEKS and week in range(
            _FIRST_SHEET_WEEK, _LAST_SHEET_WEEK + 1
        ):
            for section in self._plan.sections:
                if section.week is None:
                    self._follow(section)
            self._close_moved()
            self._refuse_net_id_passwords(
                self._plan.command("password-grant", "set", "--app-passwords", "only")
            )
        if week > 0:
            self._send_notices()

    def register_new_way(self, program: Program) -> None:
        """Give a client the grant that its program moves to, beside the old one."""
        planned = self._plan.command("client", "update", "password")
        if program.kind.grant == "authorization_code":
            words = planned
        else:
            words = (*planned[:3], "--grant", "password", "--grant", program.kind.grant)
        self._step(replaced(words, client=program.name))
        self._registered[program] = self._server.clock.now

    def open_again(self, program: Program) -> None:
        """Open a client that was closed as unused: its owner has called."""
        self._step(replaced(self._plan.command("password-grant", "set", "--on"), client=program.name))

    def make_app_password(self, program: Program, user: str) -> None:
        """Make an app password for a user of a program that cannot be changed."""
        words = self._plan.command("app-password", "create")
        made = self._step(replaced(words, client=program.name, user=user))
        program.app_passwords[user] = made["app_password"]
        self._app_passwords[made["app_password_id"]] = program, user

    def _send_notices(self) -> None:
        """Send the users of app passwords their mails; who needs it makes another one."""
        for notice in self._server.read(*self._plan.command("app-password", "notices"))["items"]:
            program, user = self._app_passwords[notice["app_password_id"]]
            self.make_app_password(program, user)

    def _follow(self, section: Section) -> None:
        if section.settings:
            self._server.restart(**section.settings)
        for command in section.commands:
            special = next(
                (
                    act
                    for words, act in self._special.items()
                    if command[:2] == words[:2] and set(words) <= set(command)
                ),
                self._run,
            )
            special(command)

    def _run(self, command: tuple[str, ...]) -> None:
        """Run a command as it stands."""
        if command[:2] in _STEPS and "--dry-run" not in command:
            self._step(command)
        else:
            self._server.run(*command)

    def _leave_it(self, _command: tuple[str, ...]) -> None:
        """A command that the operator runs when its time comes: at a call, for a program, or each week."""

    def _find_owners(self, command: tuple[str, ...]) -> None:
        """Name an owner for each program that has none."""
        for program in self._programs.values():
            if program.owner is None:
                program.owner = command[-1]
                self._step(replaced(command, client=program.name, owner=program.owner))

    def _send_sheets(self, command: tuple[str, ...]) -> None:
        """Send each owner of a program with the password grant the sheet."""
        owners = {each.owner for each in self._programs.values() if each.owner is not None}
        has_grant = {each["owner"] for each in self._server.read("password-grant", "status")["items"]}
        for owner in sorted(owners & has_grant):
            mail = self._server.run(*replaced(command, owner=owner))
            for client_id in self._book.note_sheet(mail, self._server.clock.now):
                self._tell(self._programs[client_id], mail)

    def _offer_app_passwords(self, _command: tuple[str, ...]) -> None:
        """Let the first user of each program that cannot be changed have an app password at once."""
        for program in self._programs.values():
            if program.habit is Habit.CANNOT_CHANGE:
                self.make_app_password(program, program.users[0])

    def _refuse_net_id_passwords(self, command: tuple[str, ...]) -> None:
        """Refuse Net ID passwords at a client whose report shows app passwords alone."""
        for program in self._programs.values():
            if program.habit is not Habit.CANNOT_CHANGE or program in self._only:
                continue
            reported = self._report(program)
            if reported["app_password_logins"] and not reported["logins"]:
                self._step(replaced(command, client=program.name))
                self._only.add(program)

    def _close_moved(self) -> None:
        """Close the old way of each program whose report shows no Net ID password any more."""
        for program, at in list(self._registered.items()):
            if self._server.clock.now - at > _QUIET_DAYS * DAY and not self._report(program)["logins"]:
                self._close(program)

    def _clean_up(self, command: tuple[str, ...]) -> None:
        """Close every program but those with app passwords, once Net ID passwords have ended for it."""
        if "moved" not in command:
            return
        for status in self._server.read("password-grant", "status")["items"]:
            program = self._programs[status["client_id"]]
            if program.habit is not Habit.CANNOT_CHANGE and status["state"] == _ENDED:
                self._close(program)

    def _close(self, program: Program) -> None:
        """Turn the password grant off, and take it from the registration if the program has a new way."""
        off = self._plan.command("password-grant", "set", "--off", "moved to the authorization code")
        self._step(replaced(off, client=program.name))
        if self._registered.pop(program, None) is None:
            return
        new = program.kind.grant
        grants = ("--grant", new, *(("--grant", "refresh_token") if new == "authorization_code" else ()))
        uri = ("--redirect-uri", "https://planner.campus.example/callback")
        self._step(("client", "update", program.name, *grants, *(uri if new == "authorization_code" else ())))

    def _report(self, program: Program) -> dict[str, int]:
        """What the report says of one client."""
        words = self._plan.command("password-grant", "report", "--client")
        (reported,) = self._server.read(*replaced(words, client=program.name))["items"]
        found: dict[str, int] = reported
        return found

    def _step(self, command: tuple[str, ...]) -> dict[str, Any]:
        """Run a command that changes something, and look for each change in the audit."""
        printed: dict[str, Any] = self._server.read(*command)
        self.steps.append((self._server.clock.now, " ".join(command)))
        event, reason = _STEPS[command[0], command[1]], _reason(command)
        rows = self._server.audit_since(self._audited)
        self._audited = max([self._audited, *(row["id"] for row in rows)])
        audited = {
            row["client_id"]
            for row in rows
            if row["event"] == event
            and row["actor"]
            and row["at"] == self._server.clock.now
            and row["actor_reason"] == reason
        }
        if not _changed(printed) <= audited:
            self.steps_not_audited.append(" ".join(command))
        for each in printed.get("items", ()):
            policy = each.get("password_grant", {})
            self.outages.update((start, end) for start, end in policy.get("brown_outs", ()))
            if "--ends" in command and "--all" in command:
                self.general_end = policy["ends_at"]
            elif "--ends" in command:
                self.agreed_ends[each["client_id"]] = policy["ends_at"]
        return printed

    def _last_audit_id(self) -> int:
        return max((row["id"] for row in self._server.audit_since(0)), default=0)


def _changed(printed: dict[str, Any]) -> set[object]:
    """The clients that a command says it has changed."""
    if (items := printed.get("items")) is not None:
        return {each["client_id"] for each in items if each.get("changed", printed.get("closed"))}
    return {printed["client_id"]}


def _reason(command: Sequence[str]) -> str | None:
    return command[command.index("--reason") + 1] if "--reason" in command else None
