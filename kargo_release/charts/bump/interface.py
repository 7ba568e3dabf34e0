"""What changed in the values that a chart takes: in values.yaml, and in values.schema.json."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from kargo_release import yamlfile
from kargo_release.bump import Evidence, Part, evidence
from kargo_release.charts.archive import ChartArchive
from kargo_release.errors import InvalidError

VALUES, SCHEMA = "values.yaml", "values.schema.json"
_DEEPEST = 100  # as deep as YAML may be nested here
Path = tuple[str, ...]
Fact = tuple[str, Path, str]
"""What a schema says of a value: its kind (``property``, ``required``, ``type``), and of which."""


def evidence_of(before: ChartArchive, after: ChartArchive) -> Iterator[Evidence]:
    """Yield what the difference of two archives' values and schemas asks for.

    What somebody may have set, and can't any more, is major; what can newly be set is minor.
    """
    old, new = _values(before), _values(after)
    yield from evidence(Part.MAJOR, "values removed", _named(_topmost(old - new)))
    yield from evidence(Part.MINOR, "values added", _named(_topmost(new - old)))
    was, now = set(_facts(_document(before))), set(_facts(_document(after)))
    yield from _of_schemas(was, now, new)


def _of_schemas(was: set[Fact], now: set[Fact], values: set[Path]) -> Iterator[Evidence]:
    gone, come = was - now, now - was
    kept = {path for kind, path, _ in was if kind == "property"}
    demanded = {path for path in _paths(come, "required") if path not in values}
    retyped = _paths(come, "type") & (kept | _paths(gone, "type"))
    yield from evidence(Part.MAJOR, "schema: removed", _named(_topmost(_paths(gone, "property"))))
    yield from evidence(Part.MAJOR, "schema: now required", _named(demanded))
    yield from evidence(Part.MAJOR, "schema: other type", _named(retyped))
    yield from evidence(Part.MINOR, "schema: added", _named(_topmost(_paths(come, "property"))))


def _named(paths: Iterable[Path]) -> list[str]:
    return [".".join(path) or "the whole" for path in paths]


def _paths(facts: Iterable[Fact], kind: str) -> set[Path]:
    return {path for each, path, _ in facts if each == kind}


def _topmost(paths: set[Path]) -> set[Path]:
    """Return the paths that are not below another of them."""
    return {path for path in paths if not any(path[:at] in paths for at in range(1, len(path)))}


def _file(archive: ChartArchive, path: str) -> bytes:
    return next((file.data for file in archive.files if file.path == path), b"")


def _values(archive: ChartArchive) -> set[Path]:
    try:
        return set(_keys(yamlfile.read(_file(archive, VALUES), VALUES)))
    except InvalidError:  # Helm tells that better, and refuses the chart
        return set()


def _keys(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, str(key))
            yield from _keys(each, (*path, str(key)))


def _document(archive: ChartArchive) -> Any:
    try:
        return json.loads(_file(archive, SCHEMA) or b"{}")
    except (ValueError, RecursionError):  # Helm tells that, too
        return {}


def _facts(schema: Any, path: Path = ()) -> Iterator[Fact]:
    """Yield what a schema demands (JSON Schema, "properties", "required" and "type")."""
    if not isinstance(schema, dict) or len(path) > _DEEPEST:
        return
    if "type" in schema:
        yield "type", path, json.dumps(schema["type"])
    required, properties = schema.get("required"), schema.get("properties")
    for name in required if isinstance(required, list) else ():
        yield "required", (*path, str(name)), ""
    for name, each in properties.items() if isinstance(properties, dict) else ():
        yield "property", (*path, name), ""
        yield from _facts(each, (*path, name))
