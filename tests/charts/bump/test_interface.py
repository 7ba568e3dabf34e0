"""What the difference of values and schemas asks of a version."""

import json
from typing import Any

import pytest
import yaml

from kargo_release.charts.archive import ChartArchive, pack
from kargo_release.charts.bump.interface import evidence_of
from kargo_release.charts.packed import PackedFile


def archive(values: Any, schema: Any = None) -> ChartArchive:
    files = [
        PackedFile("Chart.yaml", b"apiVersion: v2\nname: kano\nversion: 1.0.0\n"),
        PackedFile("values.yaml", values if isinstance(values, bytes) else _yaml(values)),
    ]
    if schema is not None:
        text = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
        files.append(PackedFile("values.schema.json", text))
    return pack("kano", "1.0.0", files, 0)


def _yaml(values: Any) -> bytes:
    return str(yaml.safe_dump(values)).encode()


def reasons(before: ChartArchive, after: ChartArchive) -> list[str]:
    return [str(each) for each in evidence_of(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, []),
        ({"a": 1}, {"a": 1, "b": {"c": 1, "d": 2}}, ["minor: values added: b"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, ["major: values removed: a.b"]),
        ({"a": {"b": 1}}, {"a": []}, ["major: values removed: a.b"]),
        ({"a": 1}, {"b": 1}, ["major: values removed: a", "minor: values added: b"]),
        ({"a": [1, 2]}, {"a": [1]}, []),
        (dict.fromkeys("vwxyz", 1), {}, ["major: values removed: v, w, x and 2 more"]),
        (b"", b"# nothing yet\n", []),
        (b"a: [", b"b: 1\n", ["minor: values added: b"]),
    ],
)
def test_compares_values(before: Any, after: Any, expected: list[str]) -> None:
    assert reasons(archive(before), archive(after)) == expected


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (schema(a=TEXT), schema(a=TEXT, b=TEXT), ["minor: schema: added: b"]),
        (schema(a=TEXT, b=schema(c=TEXT)), schema(a=TEXT), ["major: schema: removed: b"]),
        (schema(a=TEXT), schema(a=NUMBER), ["major: schema: other type: a"]),
        (schema(a=TEXT), schema(("a",), a=TEXT), ["major: schema: now required: a"]),
        (schema(port=TEXT), schema(("port",), port=TEXT), []),
        (schema(("a",), a=TEXT), schema(a=TEXT), []),
        (schema(a=schema(b=TEXT)), schema(a=schema(b=NUMBER)), ["major: schema: other type: a.b"]),
        (schema(), {"type": "string"}, ["major: schema: other type: the whole"]),
        (b"{", schema(a=TEXT), ["minor: schema: added: a"]),
        (b"[" * 100_000, b"5", []),
        ({"properties": 5, "required": 1}, {"properties": {"a": 1}}, ["minor: schema: added: a"]),
    ],
)  # fmt: skip
def test_compares_schemas(before: Any, after: Any, expected: list[str]) -> None:
    values = {"port": "80"}
    assert reasons(archive(values, before), archive(values, after)) == expected
