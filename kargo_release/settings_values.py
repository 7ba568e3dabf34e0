"""Fills dataclasses with what a person gave for their fields, by the fields' types."""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from kargo_release.errors import UsageError, hint, redact

_SHOWN = 60  # characters of a wrong value that a message repeats
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Values = TypeVar("Values")


@dataclass(frozen=True)
class Origin:
    """Where values were given: in a file, or in variables of the environment.

    Args:
        file: The file's name; empty for the environment.
        prefix: What the variables' names begin with.
    """

    file: str = ""
    prefix: str = ""

    def name(self, key: str) -> str:
        """Return how a person finds a key there: ``git.tag`` is ``KARGO_RELEASE_GIT__TAG``."""
        if self.file:
            return f"{self.file}: `{key}`"
        return self.prefix + key.upper().replace(".", "__")


def fill(values: Values, given: Mapping[str, Any], origin: Origin, prefix: str = "") -> Values:
    """Return a frozen dataclass with the fields that were given.

    Args:
        values: The dataclass, with the values that hold where nothing is given.
        given: By the fields' names; a mapping for a field that is a dataclass itself.
        origin: Named in errors. In the environment numbers and truths are texts; in a file a text
            is neither.
        prefix: The key of the dataclass itself: ``s3.``.

    Raises:
        UsageError: An unknown key, or a value of another kind than the field.
    """
    hints = get_type_hints(type(values))
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            _refuse_key(origin, prefix + str(key), [prefix + name for name in hints])
        name = origin.name(prefix + key)
        if hasattr(hints[key], "__dataclass_fields__"):
            nested = value if isinstance(value, Mapping) else refuse(name, value, "a mapping")
            changes[key] = fill(getattr(values, key), nested, origin, f"{prefix}{key}.")
        else:
            changes[key] = _convert(value, hints[key], name, is_text=not origin.file)
    return replace(values, **changes)  # type: ignore[type-var]  # every caller's is a dataclass


def _refuse_key(origin: Origin, key: str, known: list[str]) -> NoReturn:
    raise UsageError(
        f"{origin.file}: unknown setting `{key}`",
        hint(key, known) or f"Known are: {', '.join(known)}.",
    )


def _convert(value: Any, kind: Any, name: str, *, is_text: bool) -> Any:
    """Return ``value`` as the kind that the field is declared with."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return value if value in choices else refuse(name, value, " or ".join(choices))
    if get_origin(kind) is tuple:
        return _texts(value, name)
    if kind is str:
        return _text(value, name)
    return (_truth if kind is bool else _count)(value, name, is_text=is_text)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        refuse(name, value, "a text that is not empty")
    return value


def _texts(value: Any, name: str) -> tuple[str, ...]:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list):
        refuse(name, value, "a text or a list of texts")
    return tuple(_text(part, name) for part in parts)


def _truth(value: Any, name: str, *, is_text: bool) -> bool:
    truth = _WORDS.get(value.lower()) if is_text else value
    return truth if isinstance(truth, bool) else refuse(name, value, "true or false")


def _count(value: Any, name: str, *, is_text: bool) -> int:
    kind = str if is_text else int
    if isinstance(value, bool) or not isinstance(value, kind):
        refuse(name, value, "a whole number")
    if not re.fullmatch("[0-9]{1,4}", str(value)):
        refuse(name, value, "a whole number")
    return int(value)


def refuse(name: str, value: Any, wanted: str) -> NoReturn:
    """Refuse a value.

    Args:
        name: Where it was given, as ``Origin.name`` returns it.
        value: It is shown, but for passwords in it.
        wanted: What it must be: ``a whole number``.

    Raises:
        UsageError: Always.
    """
    # Before it is cut: of a password without its end nobody could tell that it is one.
    shown = "empty" if value is None else redact(repr(value))
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    raise UsageError(f"{name} is {shown}", f"It must be {wanted}.")
