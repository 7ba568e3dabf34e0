"""Reads the text of an index.yaml, JSON or YAML, into plain values, bounded and strict.

YAML is read from its events: the loaders of PyYAML expand aliases without bound, keep the last of
two equal keys in silence, turn text such as ``1.10`` or a time into something else, and, the fast
one, crash the process on deep nesting.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import yaml

from kargo_release.errors import InvalidError

_DEEPEST = 100  # levels; an index of Helm has some ten

# Plain scalars that are not text; all else stays as it is written.
_LITERALS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_TAGS = {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))}


def parsed(data: bytes, place: str) -> Any:
    """Return what the text holds; numbers and times in YAML stay the text that they are.

    Args:
        data: JSON, else YAML, in UTF-8.
        place: How messages name it.

    Raises:
        InvalidError: It is neither, has a key twice or an alias, or is nested too deeply.
    """
    try:
        return _json(data)
    except _RepeatedKeyError as error:
        raise _invalid(place, str(error)) from None
    except RecursionError:
        raise _invalid(place, "it is nested too deeply") from None
    except ValueError:
        pass
    try:
        return _yaml(data)
    except (yaml.YAMLError, ValueError) as error:
        raise _invalid(place, " ".join(str(error).split())) from None


class _RepeatedKeyError(ValueError):
    """One mapping has a key twice: taking the last would lose what the first holds."""


def _invalid(place: str, reason: str) -> InvalidError:
    return InvalidError(
        f"{place} cannot be read: {reason[:300]}",
        "Put back a good index.yaml (`helm repo index` makes one of the archives).",
    )


def _json(data: bytes) -> Any:
    return json.loads(
        data.decode("utf-8-sig"),
        object_pairs_hook=_mapping,
        parse_constant=_finite,
        parse_float=_finite,
    )


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise _RepeatedKeyError(f"it has the key {key!r} twice in one mapping")
        mapping[key] = value
    return mapping


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number of JSON")
    return number


def _yaml(data: bytes) -> Any:
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    events = yaml.parse(data.decode("utf-8-sig"), Loader=loader)
    documents = [
        _value(next(events), events, 0)
        for event in events
        if isinstance(event, yaml.DocumentStartEvent)
    ]
    if len(documents) != 1:
        raise ValueError(f"it has {len(documents)} documents instead of one")
    return documents[0]


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if getattr(event, "tag", None) not in _TAGS:
        raise ValueError(f"line {_line(event)} has a tag")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(list(_pairs(events, depth + 1)))
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, depth + 1))
    raise ValueError(f"line {_line(event)} has an alias")


def _scalar(event: yaml.ScalarEvent) -> str | bool | None:
    plain = event.implicit[0]
    return _LITERALS.get(event.value, event.value) if plain else event.value


def _items(events: Iterator[yaml.Event], depth: int) -> Iterator[Any]:
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        yield _value(event, events, depth)


def _pairs(events: Iterator[yaml.Event], depth: int) -> Iterator[tuple[str, Any]]:
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise ValueError(f"line {_line(event)} has a key that is not text")
        yield event.value, _value(next(events), events, depth)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
