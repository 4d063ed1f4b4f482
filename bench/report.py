"""The results as Markdown: medians, and ratios within the same round."""

import statistics
from collections.abc import Sequence

from bench.app_password import NET_ID
from bench.app_password import WORK as APP_PASSWORD_WORK
from bench.contenders import NAIVE_THREADS, WORKERS
from bench.load import BEARER, CONNECTIONS, INTROSPECTION, PEOPLE, TOKEN
from bench.password_grant_policy import POLICIES
from bench.sign_in import WORK as SIGN_IN_WORK

NAIVE, LIMIT = "naive wiring", "the directory's limit"
NORMAL, FULL, POSTGRESQL = "SQLite, NORMAL", "SQLite, FULL", "PostgreSQL, synchronous_commit=on"

# By contender and kind of work: one value for each round.
Results = dict[tuple[str, str], list[float]]

_WORK = {
    TOKEN: "password grant, access and refresh token",
    BEARER: "resource check, `/api/me`",
    INTROSPECTION: "introspection",
}


def median_ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios `mine / theirs`, round by round."""
    return statistics.median(each / other for each, other in zip(mine, theirs, strict=True))


def report(results: Results, machine: str, rounds: int, seconds: float) -> str:
    """The tables.

    Args:
        results: the measured values.
        machine: the sentence from `described`.
        rounds: the number of rounds.
        seconds: the length of each run.
    """
    how = (
        f"Medians of {rounds} interleaved rounds of {seconds:.0f} s a run; wrk, {CONNECTIONS} connections, "
        f"{PEOPLE:,} people in turn, `{{SSHA}}` passwords, LDAP in clear on loopback.\n{machine}.\n"
        f"One kind of server for both, granian, {WORKERS} workers: the naive wiring with {NAIVE_THREADS} "
        "threads each, ours with its default."
    )
    lines = [how, "", "| work, a second | naive wiring | ours | ours is |", "|---|---|---|---|"]
    for kind, title in _WORK.items():
        theirs, mine = results[NAIVE, kind], results[NORMAL, kind]
        lines.append(
            f"| {title} | {_median(theirs)} | {_median(mine)} | {median_ratio(mine, theirs):.1f} x |"
        )
    lines += ["", "| CPU of our processes, ms | naive wiring | ours | of naive |", "|---|---|---|---|"]
    for kind, title in _WORK.items():
        theirs, mine = results[NAIVE, f"{kind} cpu"], results[NORMAL, f"{kind} cpu"]
        lines.append(
            f"| {title} | {_median(theirs, 2)} | {_median(mine, 2)} | {median_ratio(mine, theirs):.0%} |"
        )
    lines += [
        "",
        *_sign_ins(results),
        "",
        *_app_passwords(results),
        "",
        *_policies(results),
        "",
        *_durability(results),
        "",
        *_once(results),
        "",
    ]
    return "\n".join(lines)


def _sign_ins(results: Results) -> list[str]:
    """What signing in with a browser costs, beside the password grant that the same program sent."""
    lines = ["| signing in, CPU of our processes | ms |", "|---|---|"]
    return lines + [
        f"| {title} | {_median(results[NORMAL, f'{kind} cpu'], 2)} |" for kind, title in SIGN_IN_WORK.items()
    ]


def _app_passwords(results: Results) -> list[str]:
    """What a login with an app password costs, beside one with the Net ID password in the same round."""
    lines = ["| app passwords, CPU of our processes | ms | of a Net ID password |", "|---|---|---|"]
    theirs = results[NORMAL, f"{NET_ID} cpu"]
    for kind, title in APP_PASSWORD_WORK.items():
        mine = results[NORMAL, f"{kind} cpu"]
        lines.append(f"| {title} | {_median(mine, 2)} | {median_ratio(mine, theirs):.0%} |")
    return lines


def _policies(results: Results) -> list[str]:
    """What the policy of a client adds to a token of the same round."""
    lines = ["| policy of the client, CPU added to a token | µs | of a token |", "|---|---|---|"]
    token = results[NORMAL, f"{TOKEN} cpu"]
    for name in POLICIES:
        mine = results[NORMAL, f"{name} cpu"]
        microseconds = [each * 1000 for each in mine]
        lines.append(f"| {name} | {_median(microseconds, 1)} | {median_ratio(mine, token):.1%} |")
    return lines


def _durability(results: Results) -> list[str]:
    lines = ["| password grants, by durability | a second | of `NORMAL` | CPU, ms |", "|---|---|---|---|"]
    normal = results[NORMAL, TOKEN]
    for name in (NORMAL, FULL, POSTGRESQL):
        mine, cpu = results[name, TOKEN], results[name, f"{TOKEN} cpu"]
        lines.append(f"| {name} | {_median(mine)} | {median_ratio(mine, normal):.0%} | {_median(cpu, 2)} |")
    bound = results[LIMIT, TOKEN]
    lines.append(f"| {LIMIT}: search and bind, nothing else | {_median(bound)} | | |")
    return lines


def _once(results: Results) -> list[str]:
    pace = _median(results[NORMAL, "paced"])
    p50, p99 = _median(results[NORMAL, "p50"], 1), _median(results[NORMAL, "p99"], 1)
    return [
        "| ours | |",
        "|---|---|",
        f"| token at 80 % of the top rate ({pace} a second, at random moments): p50, p99 | {p50}, {p99} ms |",
        f"| memory of the largest worker (RSS) after all that | {_median(results[NORMAL, 'memory'])} MB |",
        f"| cold start to the first token | {_median(results[NORMAL, 'cold start'], 2)} s |",
    ]


def _median(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f}"
