"""Which kinds of values a Chart.yaml holds, so that Helm reads what we write of it.

One number where Helm has text would make a whole index.yaml unreadable for it. Source:
helm/helm ``pkg/chart/v2/metadata.go`` and ``dependency.go``, the types of the fields.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

_TEXTS = (
    "name", "home", "version", "description", "icon", "apiVersion", "condition", "tags",
    "appVersion", "kubeVersion", "type",
)  # fmt: skip
_OF_MAINTAINER = {"name": str, "email": str, "url": str}
_TEXTS_OF_DEPENDENCY = {"name": str, "version": str, "repository": str, "alias": str}
_OF_DEPENDENCY = {"condition": str, "enabled": bool, "tags": list, "import-values": list}


def faults(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each value that is of another kind than Helm reads, with its remedy."""
    yield from _text_faults(document)
    yield from _other_faults(document)
    yield from _maintainer_faults(document.get("maintainers") or [])
    yield from _dependency_faults(document.get("dependencies") or [])


def _text_faults(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _TEXTS:
        value = document.get(key)
        if isinstance(value, int | float):
            kind = "the truth value" if isinstance(value, bool) else "the number"
            yield f"{key} is {kind} {value} to YAML, not a text", _quoting(key)
        elif value is not None and not isinstance(value, str):
            yield f"{key} is no text", f"Write `{key}: …` with one text."


def _quoting(key: str) -> str:
    if key == "version":
        return "Write all three numbers: MAJOR.MINOR.PATCH, for example 1.10.0."
    return f'Quote it: {key}: "…".'


def _other_faults(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, kind in (("sources", str), ("keywords", str), ("maintainers", dict)):
        value = document.get(key) or []
        if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
            what = "texts" if kind is str else "mappings with name, email and url"
            yield f"{key} is no list of {what}", f"Mend or remove {key}."
    if not isinstance(document.get("deprecated") or False, bool):
        yield "deprecated is no truth value", "Write `deprecated: true`, or remove it."
    annotations = document.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(
        isinstance(part, str) for pair in annotations.items() for part in pair
    ):
        yield "annotations is no mapping of texts", "Quote its values."


def _maintainer_faults(maintainers: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if not all(_are_of(each, _OF_MAINTAINER) for each in maintainers):
        yield "a maintainer is no mapping of texts", "Quote its name, email and url."


def _dependency_faults(dependencies: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(dependencies, list):
        yield "dependencies is no list", "Write one `- name: …` for each."
        return
    for each in dependencies:
        if not isinstance(each, dict) or not _are_of(each, _TEXTS_OF_DEPENDENCY):
            yield "a dependency is no mapping of texts", "Give it name, version and repository."
        elif not _are_of(each, _OF_DEPENDENCY) or not _is_of_texts(each.get("tags") or []):
            yield (
                "a dependency holds a value of another kind than Helm reads",
                "`condition` is a text, `enabled` true or false, `tags` a list of texts.",
            )
        elif not _is_finite(each.get("import-values")):
            yield "a dependency holds a number that JSON has not", "Quote it, or remove it."


def _are_of(given: Mapping[str, Any], kinds: Mapping[str, type]) -> bool:
    held = ((given.get(key), kind) for key, kind in kinds.items())
    return all(value is None or isinstance(value, kind) for value, kind in held)


def _is_of_texts(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, [*value.keys(), *value.values()]))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
