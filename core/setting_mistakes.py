"""Reports mistakes in settings: one sentence for each, which begins with the setting's variable.

Owns: the names of settings in the environment, and the sentences. Must not know: any setting, and where
values come from. No sentence repeats a value: it may be a secret, even where a path was expected.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

PREFIX = "NETID_"
CERTIFICATE_NEEDS_KEY = "a certificate and its private key are of use only together"
_CONTRADICTION = "settings_contradiction"
_PREDICATES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number that is far smaller",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:.0f}",
    "greater_than_equal": "must be at least {ge:.0f}",
    "less_than_equal": "must be at most {le:.0f}",
    "bool_type": "must be on or off (true or false, yes or no, 1 or 0)",
    "bool_parsing": "must be on or off (true or false, yes or no, 1 or 0)",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


class Contradiction(NamedTuple):
    """A contradiction between settings. `names` has all of them, and begins with the one to change."""

    names: tuple[str, ...]
    predicate: str


def variable(name: str) -> str:
    """Name the environment variable of a setting.

    Args:
        name: The setting's name.

    Returns:
        The name that operators know it by.
    """
    return PREFIX + name.upper()


def refuse_contradictions(contradictions: Iterable[Contradiction]) -> None:
    """Refuse settings that contradict each other; called by a validator of the model that has them.

    Args:
        contradictions: Each one found.

    Raises:
        PydanticCustomError: There is one or more; `find_mistakes` reads them.
    """
    if found := list(contradictions):
        text = "; ".join(f"{variable(each.names[0])} {each.predicate}" for each in found)
        raise PydanticCustomError(_CONTRADICTION, "{text}", {"text": text, "contradictions": found})


def unpaired(values: Mapping[str, Any], one: str, other: str, reason: str) -> Iterator[Contradiction]:
    """Find one setting of two that are of use only together.

    Args:
        values: Settings by name.
        one: The name of the first.
        other: The name of the second.
        reason: Why one needs the other.

    Yields:
        The contradiction, where one is given and the other is not.
    """
    if (values[one] is None) != (values[other] is None):
        given, missing = (one, other) if values[other] is None else (other, one)
        yield Contradiction((missing, given), f"is missing, though {variable(given)} is given: {reason}")


def find_mistakes(
    validate: Callable[[Mapping[str, Any]], object],
    values: Mapping[str, Any],
    *,
    origins: Mapping[str, str] | None = None,
    broken: Collection[str] = (),
) -> list[str]:
    """Find what is wrong with values, and between the values that are not wrong by themselves.

    Args:
        validate: Validates values by setting name. Raises ValidationError, whose places are setting names,
            or the parts of a name that `_` joins.
        values: The values by setting name.
        origins: Where values from files came from, as it is put behind the name.
        broken: Settings whose value may have been given but cannot be had. Contradictions that rest on one
            are left out.

    Returns:
        One whole sentence for each mistake.
    """
    by_value = [error for error in _errors(validate, values) if error["type"] != _CONTRADICTION]
    wrong = {*broken, *map(_name, by_value)}
    usable = {name: value for name, value in values.items() if name not in wrong}
    contradictory = [error for error in _errors(validate, usable) if error["type"] == _CONTRADICTION]
    return _sentences([*by_value, *contradictory], origins or {}, wrong)


def _errors(validate: Callable[[Mapping[str, Any]], object], values: Mapping[str, Any]) -> list[ErrorDetails]:
    """List pydantic's errors about values, without the values."""
    try:
        validate(values)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def _name(error: ErrorDetails) -> str:
    return "_".join(map(str, error["loc"]))


def _sentences(
    errors: Sequence[ErrorDetails], origins: Mapping[str, str], wrong: Collection[str]
) -> list[str]:
    predicates: list[tuple[str, str]] = []
    for error in errors:
        context = error.get("ctx", {})
        if error["type"] == _CONTRADICTION:
            found = [each for each in context["contradictions"] if not set(each.names) & set(wrong)]
            predicates += [(each.names[0], each.predicate) for each in found]
        else:
            predicate = _PREDICATES.get(error["type"], "cannot be used").format(**context)
            predicates.append((_name(error), predicate))
    return [f"{variable(name)}{origins.get(name, '')} {predicate}." for name, predicate in predicates]
