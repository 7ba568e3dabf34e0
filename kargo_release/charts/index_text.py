"""Reads the text of an index.yaml, JSON or YAML, into plain values, bounded and strict.

YAML is read from its events: the loaders of PyYAML expand aliases without bound, keep the last of
two equal keys in silence, turn text such as ``1.10`` or a time into something else, and, the fast
one, crash the process on deep nesting.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import yaml

from kargo_release.errors import InvalidError

_DEEPEST = 100  # levels; an index of Helm has some ten
# Values, so that no text takes gigabytes of memory or minutes; a version has some thirty.
_MOST = 10_000_000

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
        return json_value(data)
    except _FoundError as error:
        raise invalid(place, str(error)) from None
    except RecursionError:
        raise invalid(place, "it is nested too deeply") from None
    except ValueError:
        pass
    try:
        return _yaml(data)
    except (yaml.YAMLError, ValueError) as error:
        raise invalid(place, " ".join(str(error).split())) from None


class _FoundError(ValueError):
    """JSON that is not to be read, and would not be better when read as YAML."""


def invalid(place: str, reason: str) -> InvalidError:
    """Return the error of an index that can't be read."""
    return InvalidError(
        f"{place} cannot be read: {reason[:300]}",
        "Make it anew of the archives in the backup: rebuild-index.",
    )


def json_value(data: bytes) -> Any:
    """Return what JSON holds.

    Raises:
        ValueError: It is not JSON, has more values than a large index, or a key twice in one
            mapping: taking the last would lose what the first holds.
        RecursionError: It is nested too deeply.
    """
    if len(data) > _MOST and sum(map(data.count, (b",", b"[", b"{"))) > _MOST:
        raise _FoundError(f"it has more than {_MOST} values")
    return json.loads(
        data.decode("utf-8-sig"),
        object_pairs_hook=_mapping,
        parse_constant=_finite,
        parse_float=_finite,
    )


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        # Only now, for this is done for every version of an index.
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _FoundError(f"it has the key {twice!r} twice in one mapping")
    return mapping


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number of JSON")
    return number


def _yaml(data: bytes) -> Any:
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    events = _bounded(yaml.parse(data.decode("utf-8-sig"), Loader=loader))
    documents = [
        _value(next(events), events, 0)
        for event in events
        if isinstance(event, yaml.DocumentStartEvent)
    ]
    if len(documents) != 1:
        raise ValueError(f"it has {len(documents)} documents instead of one")
    return documents[0]


def _bounded(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    yield from islice(events, _MOST)
    if next(events, None):
        raise ValueError(f"it has more than {_MOST} values")


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
