"""What Helm can't read of an index, and that nothing of it is left in one made anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import real_helm
from indexes import LATER, NOW, entry

from kargo_release.charts.archived import Archived
from kargo_release.charts.index import Entry, Index, read, render
from kargo_release.charts.index_kinds import is_time, readable
from kargo_release.charts.index_of_archives import index_of

DIGEST = "1" * 64
ABOUT = entry("1.0.0").metadata
SAID = Entry(ABOUT, DIGEST, NOW).document()
ELSEWHERE = {"urls": ["https://charts.example.com/kano-1.0.0.tgz"]}

# Each alone makes all of an index unreadable for Helm.
OF_VERSION: list[dict[str, Any]] = [
    {"created": "2026-01-31"},
    {"created": "2026-02-30T12:00:00Z"},
    {"created": "2026-01-31 12:00:00Z"},
    {"created": "2026-01-31T12:00:00+24:00"},
    {"created": 1769860800},
    {"created": ["2026-01-31T12:00:00Z"]},
    {"digest": ["a"]},
    {"digest": {}},
    {"urls": [["kano-1.0.0.tgz"]]},
    {"urls": "kano-1.0.0.tgz"},
    {"removed": "no"},
    {"checksum": 1},
    {"tillerVersion": []},
    {"deprecated": "yes"},
    {"description": 1.5},
    {"keywords": ""},
    {"keywords": [1]},
    {"maintainers": {}},
    {"maintainers": [{"Name": 5}]},
    {"annotations": {"a": 1}},
    {"dependencies": [{"name": "a", "TAGS": "b"}]},
    {"Created": "yesterday"},
    {"\u212aeywords": 1},  # the sign of kelvin, which is a k to Go
]
OF_INDEX: list[dict[str, Any]] = [
    {"generated": "yesterday"},
    {"publicKeys": "a"},
    {"serverInfo": []},
    {"annotations": {"a": 1}},
    {"Generated": 1},
]


def document(head: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"apiVersion": "v1", **head, "entries": {"kano": [{**SAID, **said}]}}


def rebuilt(before: Mapping[str, Any], *, is_here: bool) -> bytes:
    archive = Archived("kano-1.0.0.tgz", "backup/kano-1.0.0.tgz", DIGEST, NOW, ABOUT)
    held = read(json.dumps(before).encode())
    made = index_of([archive] if is_here else [], held, LATER).index
    assert made is not held
    return render(made)


def helm_reads(folder: Path, indexes: list[bytes]) -> list[Any]:
    pytest.importorskip("helm_python")
    files = [folder / f"{number}.yaml" for number in range(len(indexes))]
    for file, data in zip(files, indexes, strict=True):
        file.write_bytes(data)
    return real_helm.read_indexes(files)


def test_leaves_nothing_that_helm_cannot_read(tmp_path: Path) -> None:
    heads = [(document(each, {}), True) for each in OF_INDEX]
    here = [(document({}, each), True) for each in OF_VERSION]
    away = [(document({}, {**ELSEWHERE, **each}), False) for each in OF_VERSION]
    cases = [*heads, *here, *away]
    before = helm_reads(tmp_path, [json.dumps(each).encode() for each, _ in cases])
    after = helm_reads(tmp_path, [rebuilt(each, is_here=is_here) for each, is_here in cases])
    for (case, is_here), unread, entries in zip(cases, before, after, strict=True):
        assert isinstance(unread, str), case
        assert isinstance(entries, dict), (case, entries)
        assert entries or not is_here, case


def test_keeps_all_that_helm_can_read(tmp_path: Path) -> None:
    said = {
        **SAID,
        **ELSEWHERE,
        "created": "2026-01-31T12:00:00.123456789+01:00",
        "removed": False,
        "deprecated": False,
        "keywords": [],
        "home": None,
        "maintainers": [{"name": "Ada", "Since": 1}],
        "annotations": {"a": "b"},
        "dependencies": [{"name": "a", "repository": "", "tags": ["b"], "enabled": True}],
        "by": {"hand": [1, None]},
    }
    assert readable(said) == said
    before = Index.of({"apiVersion": "v1", "entries": {"kano": [said]}})
    [entries] = helm_reads(tmp_path, [render(before)])
    assert entries["kano"][0]["version"] == "1.0.0"


@pytest.mark.parametrize("text", ["2026-01-31T12:00:60Z", "0000-01-31T12:00:00Z", "", NOW + "\n"])
def test_takes_no_other_text_for_a_time(text: str) -> None:
    assert is_time(NOW)
    assert not is_time(text)


def test_tells_a_created_that_is_no_time_by_when_the_archive_was_stored() -> None:
    held = json.loads(rebuilt(document({}, {"created": "2026-01-31"}), is_here=True))
    [said] = held["entries"]["kano"]
    assert (said["created"], held["generated"]) == (NOW, LATER)


def test_drops_what_is_nested_without_end() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    about = {"name": "a", "repository": "", "import-values": deep}
    assert readable({"version": "1.0.0", "dependencies": [about]}) == {"version": "1.0.0"}
