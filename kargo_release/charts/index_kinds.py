"""Which kinds of values an index holds, so that Helm can read it.

One value of another kind, in whatever version, makes all of it unreadable for Helm. Sources:
helm/helm ``pkg/repo/v1/index.go``, the types of IndexFile and ChartVersion; Go's encoding/json,
"Unmarshal", for names of fields in any case; Go's time, ``Time.UnmarshalJSON``.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kargo_release.charts import metadata, metadata_kinds

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def readable(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index's entry of a version without the values that Helm can't read."""
    return _checked(version, _OF_VERSION)


def readable_head(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of an index but its entries without the values that Helm can't read."""
    return _checked(head, _OF_INDEX)


def is_time(value: Any) -> bool:
    """Whether a value is a time of RFC 3339, as text and as strict as Go reads it."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    try:
        datetime.fromisoformat(found[1])
    except ValueError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_mapping_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_metadata(key: str) -> Callable[[Any], bool]:
    kind = _KINDS.get(key, str)

    def is_readable(value: Any) -> bool:
        try:
            right = isinstance(value, kind) and not any(metadata_kinds.faults({key: value}))
        except RecursionError:
            return False
        return right and (kind is not list or all(map(_is_spelt, value)))

    return is_readable


def _is_spelt(part: Any) -> bool:
    """Whether a maintainer or a dependency names its fields as Helm does."""
    keys = part if isinstance(part, dict) else ()
    return all(key in _FIELDS_OF_PARTS or key.casefold() not in _FIELDS_OF_PARTS for key in keys)


# What is no text.
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("sources", "keywords", "maintainers", "dependencies"), list),
    "deprecated": bool,
    "annotations": dict,
}
_FIELDS_OF_PARTS = {
    *("name", "email", "url", "version", "repository"),
    *("condition", "tags", "enabled", "import-values", "alias"),
}

_Checks = Mapping[str, Callable[[Any], bool]]

_OF_VERSION: _Checks = {
    **{key: _is_metadata(key) for key in metadata.FIELDS},
    **dict.fromkeys(("digest", "checksum", "engine", "tillerVersion", "url"), _is_text),
    "created": is_time,
    "removed": _is_truth,
    "urls": _is_texts,
}
_OF_INDEX: _Checks = {
    "apiVersion": _is_text,
    "generated": is_time,
    "publicKeys": _is_texts,
    "serverInfo": _is_mapping,
    "annotations": _is_mapping_of_texts,
    "entries": _is_mapping,
}


def _checked(given: Mapping[str, Any], checks: _Checks) -> dict[str, Any]:
    names = {key.casefold() for key in checks}
    return {
        key: value
        for key, value in given.items()
        # A field in other letters is the same field to Go, and would win over the right one.
        if (checks[key](value) if key in checks else key.casefold() not in names)
        or (value is None and key in checks)
    }
