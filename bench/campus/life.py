"""Life on the campus: programs log in, owners react to what they are told, and the operator works on Mondays.

Owns: the order of events on the virtual clock. Must not know: the server's rules.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.campus.book import APP, BROWN_OUT, ENDED, NET_ID, Book
from bench.campus.operator import Operator
from bench.campus.people import SERVICE_ACCOUNT, net_id, password
from bench.campus.plan import Plan
from bench.campus.programs import NEW_USERS, USUAL_USERS, Habit, Program, population
from bench.campus.server import DAY, WEEK, Answer, CampusServer, Credentials, VirtualClock

WEEKS_BEFORE, WEEKS_AFTER = 14, 64
"""The server counts for 14 weeks before the plan begins. In all it is 18 months."""
_MONDAY = 9 * 3600
_MORNING = 8 * 3600
_EXTRA_SHARE = 0.25
"""Beside one login a week for each program, so many more a week in all, by size."""
_MISTYPED = 0.015
_IN_OUTAGE = 0.7
"""The share of programs that log somebody in during a brown-out."""
_OFFER_WEEK = 4
_NEW_USER_WEEKS = range(8, 50, 6)
_STUBBORN_WEEKS = 4
"""Weeks for which a program fails if its owner never reads mail. Then its users stop using it."""


class Event(NamedTuple):
    """Something that happens at a time, in seconds since the epoch."""

    at: int
    number: int
    act: Callable[[], None]


class Campus:
    """A campus on its way out of the password grant."""

    def __init__(self, folder: Path, clients: int, *, plan: Plan | None = None, seed: int = 1) -> None:
        """Make the campus as it is 14 weeks before the plan begins.

        Args:
            folder: an empty folder for the server.
            clients: how many programs.
            plan: the operator's; by default that of docs/way-out.md.
            seed: decides all chance.
        """
        self.plan = plan or Plan.read()
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self.begins_at = self.plan.begins_at - WEEKS_BEFORE * WEEK
        self.clock = VirtualClock(self.begins_at)
        self.programs = population(clients, self._chance)
        self._size = sum(each.size for each in self.programs)
        self.server = CampusServer(folder, self.clock, USUAL_USERS + NEW_USERS)
        self.book = Book()
        self.operator = Operator(self.server, self.plan, self.programs, self.book, self._read_sheet)
        self.logins_after_moves: list[Answer] = []

    def live(self, until: int = WEEKS_AFTER, each_week: Callable[[int], None] = lambda _week: None) -> None:
        """Live for 18 months, or until a week of the plan.

        Args:
            until: the week before which it ends.
            each_week: is called at the end of each week with its number.
        """
        self.operator.register_all()
        for week in range(-WEEKS_BEFORE, until):
            for event in sorted(self._events(week)):
                self.clock.move_to(event.at)
                event.act()
            self.clock.move_to(self.plan.begins_at + (week + 1) * WEEK)
            each_week(week)
        self.clock.move_to(self.plan.begins_at + until * WEEK + _MORNING)
        self.server.keep_house()

    def report_page(self) -> str:
        """The documented HTML report, as it is now."""
        return self.server.run(*self.report_command)

    @property
    def report_command(self) -> Sequence[str]:
        """The documented command of the HTML report that begins with the counting."""
        return self.plan.command("password-grant", "report", "--since", "2026-10-18", "--format", "html")

    def _events(self, week: int) -> Iterator[Event]:
        """All that is known on Monday of the week to come."""
        monday = self.plan.begins_at + week * WEEK
        for number, (at, act) in enumerate(self._acts(week, monday)):
            yield Event(at, number, act)

    def _acts(self, week: int, monday: int) -> Iterator[tuple[int, Callable[[], None]]]:
        yield monday + _MONDAY, partial(self.operator.work, week)
        for day in range(7):
            yield monday + day * DAY + 3 * 3600, self.server.keep_house
        for program in self.programs:
            if program.moves_at is not None and program.moves_at < monday + WEEK and not program.has_moved:
                yield max(program.moves_at, monday + _MORNING), partial(self._move, program)
            if program.habit is Habit.CANNOT_CHANGE and week >= _OFFER_WEEK:
                yield monday + DAY + _MORNING, partial(self._begin_app_passwords, program, week)
            if program.sends_passwords and self._is_used(program, week):
                yield from self._logins(program, week, monday)
        if week in _NEW_USER_WEEKS:
            yield monday + 2 * DAY + _MORNING, partial(self._meet_new_user, week)

    def _logins(self, program: Program, week: int, monday: int) -> Iterator[tuple[int, Callable[[], None]]]:
        """The logins of a program in a week, and those that meet a brown-out."""
        for user in self._users_of_week(program, week):
            yield monday + self._chance.randrange(WEEK), partial(self._log_in, program, user)
        for start, end in self._outages(monday):
            if self._chance.random() < _IN_OUTAGE:
                yield self._chance.randrange(start, end), partial(self._log_in, program)

    def _is_used(self, program: Program, week: int) -> bool:
        return not program.term_weeks or week in program.term_weeks

    def _users_of_week(self, program: Program, week: int) -> Sequence[str]:
        """One user a week, each in turn, and more by size; all users of a program of each term."""
        if program.term_weeks:
            return program.users
        extra = _EXTRA_SHARE * len(self.programs) * program.size / self._size
        more = int(extra) + (self._chance.random() < extra % 1)
        return [program.users[week % len(program.users)], *self._chance.choices(program.users, k=more)]

    def _outages(self, monday: int) -> Sequence[tuple[int, int]]:
        """The brown-outs of the week that begins on a Monday."""
        return sorted(each for each in self.operator.outages if monday <= each[0] < monday + WEEK)

    def _log_in(self, program: Program, user: str | None = None) -> None:
        """Log a user in by the password grant, and note what came of it."""
        if not program.sends_passwords:
            return
        credentials = program.credentials(self._chance.choice(program.addresses))
        who = user or self._chance.choice(program.users)
        if self._refresh(program, credentials, who):
            return
        secret, kind = password(who), NET_ID
        if who in program.app_passwords:
            secret, kind = program.app_passwords[who], APP
        if self._chance.random() < _MISTYPED and who != SERVICE_ACCOUNT:
            self._mistype(program, who, secret, kind)
        answer = self.server.request_token(
            credentials, grant_type="password", username=who, password=secret, scope="profile"
        )
        now = self.clock.now
        if answer.sunset is not None and program.habit is Habit.READS_LOGS:
            self._read_header(program, answer.sunset)
        if answer.status == 200:
            program.failed_since = None
            self.book.note_login(program.client_id, kind, answer, now)
            if answer.refresh_token is not None:
                program.refresh_tokens[who] = answer.refresh_token
        else:
            self._fail(program, answer, is_new_user=who not in program.users)

    def _refresh(self, program: Program, credentials: Credentials, who: str) -> bool:
        """Refresh the user's token, if the program has one. It says whether that is all the program needs."""
        token = program.refresh_tokens.pop(who, None)
        if token is None:
            return False
        answer = self.server.request_token(credentials, grant_type="refresh_token", refresh_token=token)
        if answer.sunset is not None and program.habit is Habit.READS_LOGS:
            self._read_header(program, answer.sunset)
        if answer.refresh_token is None:
            # A refresh token that is too old is no failure: the program sends the password again.
            if answer.error != "invalid_grant":
                self._fail(program, answer, is_new_user=False)
            return answer.error == "unauthorized_client"
        program.refresh_tokens[who] = answer.refresh_token
        self.book.refreshes += 1
        return True

    def _mistype(self, program: Program, who: str, secret: str, kind: str) -> None:
        """A user types once what is wrong; a program with a wrong app password tries it again and again."""
        wrong = f"{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}"
        for _ in range(1 if kind == NET_ID else 8):
            answer = self.server.request_token(
                program.credentials(program.addresses[0]),
                grant_type="password",
                username=who,
                password=wrong,
                scope="profile",
            )
            self.book.mistyped += 1
            if kind == APP:
                self.book.binds_of_app_passwords += answer.binds
            self.clock.move_to(self.clock.now + 20)

    def _fail(self, program: Program, answer: Answer, *, is_new_user: bool) -> None:
        """A login failed: the program tries again, and its owner may react."""
        now = self.clock.now
        failure = self.book.note_refusal(program.client_id, answer, now, is_new_user=is_new_user)
        if is_new_user:
            return
        if program.failed_since is None:
            program.failed_since = now
        if program.habit is Habit.BROWN_OUT and failure.cause == BROWN_OUT and program.moves_at is None:
            program.moves_at = now + self._chance.randrange(2 * DAY, 12 * DAY)
        elif program.habit is Habit.ONCE_A_TERM and program.called_at is None:
            program.called_at = now
            self.operator.open_again(program)
        elif program.habit in {Habit.LAST_DATE, Habit.BROWN_OUT} and failure.cause == ENDED:
            program.moves_at = now + DAY
        elif program.habit is Habit.NEVER and now - program.failed_since > _STUBBORN_WEEKS * WEEK:
            program.is_given_up = True

    def _read_sheet(self, program: Program, _mail: str) -> None:
        """The owner of a program gets a sheet."""
        notices = self.book.notices[program.client_id]
        ends = notices[-1].ends
        if not ends or program.moves_at is not None:
            return
        if program.habit is Habit.READS_MAIL or program.term_weeks:
            program.moves_at = self.clock.now + self._chance.randrange(3, 40) * WEEK
        elif program.habit is Habit.LAST_DATE:
            program.moves_at = min(ends) - self._chance.randrange(1, 6) * DAY
        if program.term_weeks and program.moves_at is not None:
            program.moves_at = max(
                program.moves_at, self.plan.begins_at + (program.term_weeks[-1] + 1) * WEEK
            )

    def _read_header(self, program: Program, sunset: str) -> None:
        """A program writes the header Sunset to its log, where its owner finds it."""
        if self.book.note_header(program.client_id, sunset, self.clock.now) and program.moves_at is None:
            program.moves_at = self.clock.now + self._chance.randrange(3, 32) * WEEK

    def _move(self, program: Program) -> None:
        """An owner installs the changed program, or waits for the last date that the operator agreed to."""
        last = self.operator.agreed_ends.get(program.client_id)
        if program.habit is Habit.LAST_DATE and last is not None and self.clock.now < last - WEEK:
            program.moves_at = last - 3 * DAY
            return
        self.operator.register_new_way(program)
        program.has_moved = True
        if program.kind.grant == "client_credentials":
            answer = self.server.request_token(
                program.credentials(program.addresses[0]), grant_type="client_credentials", scope="profile"
            )
            self.logins_after_moves.append(answer)

    def _begin_app_passwords(self, program: Program, week: int) -> None:
        """Each user makes the first app password in a week of their own. A mail asks for each next one."""
        for number, user in enumerate(program.users):
            if user not in program.app_passwords and week >= _OFFER_WEEK + 3 * number:
                self.operator.make_app_password(program, user)

    def _meet_new_user(self, week: int) -> None:
        """A user begins with a program that is closed to new people."""
        candidates = [each for each in self.programs if each.sends_passwords and len(each.users) > 3]
        if candidates:
            self._log_in(self._chance.choice(candidates), net_id(USUAL_USERS + week % NEW_USERS))
