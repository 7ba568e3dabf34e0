"""File name patterns against Go's own table, and what Go's Match answered beyond it."""

import json
from pathlib import Path

import pytest

from kargo_release.charts.pattern import Pattern

DATA = Path(__file__).parents[1] / "data" / "helmignore" / "patterns.json"
TABLES = json.loads(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "name", "expected"), TABLES["upstream"] + TABLES["asked"])
def test_matches_as_go_does(text: str, name: str, expected: bool | str) -> None:
    pattern = Pattern.parse(text)
    assert ("error" if pattern.fails_on(name) else pattern.matches(name)) == expected


def test_matches_names_that_are_not_utf_8() -> None:
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    assert Pattern.parse("caf?.txt").matches(name)
    assert Pattern.parse(name).matches(name)
    assert Pattern.parse("caf[\ufffd].txt").matches(name)
    assert not Pattern.parse("caf[a-z].txt").matches(name)
    assert Pattern.parse(f"[{name[3]}]").fails_on(name)


@pytest.mark.parametrize(
    "text",
    [
        "*a" * 2000 + "b",
        "*[^b]?" * 1500,
        "[" * 16_000,
        "\\" * 16_001,
        "[a" + "-a" * 8_000,
        "?" * 2_000,
    ],
)
def test_answers_at_once_to_a_hostile_pattern(text: str) -> None:
    assert not Pattern.parse(text).matches("a" * 255)
