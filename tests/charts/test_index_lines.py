"""An index that we wrote is copied, not parsed; whoever reads it must find no difference."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import BY_HELM, LATER, NOW, entry

from kargo_release.charts import index, index_lines, index_text
from kargo_release.charts.index import EMPTY, Entry, Index, merge, read, render
from kargo_release.errors import InvalidError
from kargo_release.versions import newest_first

OURS = render(merge(EMPTY, [entry("1.0.0"), entry("1.1.0"), entry("2.0.0", name="k2")], NOW))


def stamped(body: bytes, head: bytes = b'"apiVersion": "v1",\n') -> bytes:
    """Return an index with a checksum that is right, whatever its body is."""
    checksum = f"sha256:{sha256(body).hexdigest()}"
    annotations = json.dumps({index_lines.CHECKSUM: checksum}).encode()
    return b"{" + head + b'"annotations": ' + annotations + b",\n" + body


def test_parses_only_the_lines_that_it_must_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    json_value = index_text.json_value

    def watched(data: bytes) -> Any:
        parsed.append(data)
        return json_value(data)

    monkeypatch.setattr(index_text, "json_value", watched)

    merged = merge(read(OURS), [entry("1.2.0")], LATER)

    assert [line for line in parsed if b'"version"' in line] == [OURS.splitlines()[8][:-1]]
    assert merged.versions("kano") == ["1.2.0", "1.1.0", "1.0.0"]


def test_copies_the_lines_of_all_other_charts() -> None:
    merged = render(merge(read(OURS), [entry("1.2.0")], LATER))

    removed = set(OURS.splitlines()) - set(merged.splitlines())
    assert {re.sub(rb'": ".*', b"", line) for line in removed} == {
        b'"generated',
        b'"annotations": {"io.github.kargo-release.checksum',
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"1.1.0", b"1.1.1", 1),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text.replace(b'"version": ', b'"version":  ', 1),
        lambda text: text + b"\n",
        lambda text: text.replace(b"sha256:", b"sha257:"),
        lambda text: text.replace(b'"annotations"', b'"anotations"'),
        lambda text: json.dumps(json.loads(text)).encode(),
        lambda text: json.dumps(json.loads(text), indent=2).encode(),
        lambda text: yaml.safe_dump(json.loads(text)).encode(),
    ],
)
def test_parses_all_of_what_was_changed_by_others(change: Any) -> None:
    changed = change(OURS)

    assert index_lines.split(changed) is None
    found = read(changed)
    assert found.entries == {
        name: [{**each, "version": each["version"]} for each in versions]
        for name, versions in yaml.safe_load(changed)["entries"].items()
    }
    assert index_lines.CHECKSUM not in found.head.get("annotations", {})
    assert read(render(found)) == found


@pytest.mark.parametrize(
    "body",
    [
        b'"entries": {\n"kano": [\n{"version": "1.0.0"}\n}}\n',
        b'"entries": {\n"kano": [\n{"version": "1.0.0"}\n],\n"kano": [\n\n]\n}}\n',
        b'"entries": {\n}}\n}}\n',
        b'"entries": {\n' + b'"entries": {\n' * 9 + b"}}\n",
        b'"entries": {\n\n]\n}}\n',
    ],
)
def test_refuses_what_a_right_checksum_does_not_make_an_index(body: bytes) -> None:
    with pytest.raises(InvalidError) as caught:
        read(stamped(body))
    assert "index.yaml cannot be read" in caught.value.message
    assert "rebuild-index" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        b'"entries": {\n"kano": [\n{"version": "1.0.0"}\n]\n}}',
        b'"entries": {\nkano: [\n{"version": "1.0.0"}\n]\n}}\n',
    ],
)
def test_parses_all_of_what_is_in_another_form_whatever_its_checksum(body: bytes) -> None:
    assert index_lines.split(stamped(body)) is None
    assert read(stamped(body)).versions("kano") == ["1.0.0"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"version": "1.0.0"', "the lines of 'kano'"),
        (b'{"version": "1.0.0", "version": "1.0.0"}', "the key 'version' twice"),
        (b'{"version": 1}', "the lines of 'kano': a version is not one"),
        (b'"1.0.0"', "the lines of 'kano': a version is not one"),
        (b'{"version": "1.0.0"}], [{"version": "1.0.0"}', "the lines of 'kano'"),
        (b"],", "the lines of 'kano'"),
        (b"\xff", "the lines of 'kano'"),
        (b'{"a":' * 200_000, "the lines of 'kano'"),
    ],
)
def test_refuses_lines_that_a_right_checksum_does_not_make_versions(
    line: bytes, reason: str
) -> None:
    found = read(stamped(b'"entries": {\n"kano": [\n' + line + b"\n]\n}}\n"), "s3://b/index.yaml")
    with pytest.raises(InvalidError) as caught:
        merge(found, [entry("1.0.0")], NOW)
    assert caught.value.message.startswith("s3://b/index.yaml cannot be read: ")
    assert reason in caught.value.message
    assert "rebuild-index" in caught.value.remedy


def test_drops_nulls_among_lines_too() -> None:
    found = read(stamped(b'"entries": {\n"kano": [\nnull,\n{"version": "1.0.0"}\n]\n}}\n'))
    assert found.versions("kano") == ["1.0.0"]


@pytest.mark.parametrize("head", [b"", b'"apiVersion": 1,\n', b'"apiVersion": "",\n'])
def test_wants_an_api_version_of_lines_too(head: bytes) -> None:
    with pytest.raises(InvalidError, match="no apiVersion"):
        read(stamped(b'"entries": {\n}}\n', head))


def test_keeps_annotations_of_others_and_what_stands_in_their_place() -> None:
    others = read(BY_HELM)
    assert read(render(others)).head["annotations"] == {"owner": "007"}
    assert b'"owner": "007", "io.github.kargo-release.checksum": "sha256:' in render(others)
    odd = Index.of({"apiVersion": "v1", "annotations": ["odd"], "entries": {}})
    assert read(render(odd)) == odd
    assert index_lines.CHECKSUM.encode() not in render(odd)


def test_refuses_more_values_than_any_index_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kargo_release.charts.index_text._MOST", 1000)
    for text in (b'{"x": [' + b"[]," * 1000 + b"[]]}", b"x: [" + b"a, " * 1000 + b"a]"):
        with pytest.raises(InvalidError, match="it has more than 1000 values"):
            read(text)


def test_refuses_a_long_index_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FOREIGN_LIMIT", len(OURS) - 10)
    assert read(OURS).versions("k2") == ["2.0.0"]
    with pytest.raises(InvalidError, match="other programs wrote it"):
        read(OURS.replace(b"sha256", b"sha999"))


HARD = "a\x7fb\x85c\u2028d\ufeffe\x9ff\uffff😀é"


def test_writes_no_character_that_readers_of_yaml_refuse() -> None:
    text = render(merge(EMPTY, [entry("1.0.0", description=HARD)], NOW))
    assert yaml.safe_load(text)["entries"]["kano"][0]["description"] == HARD
    assert json.loads(text)["entries"]["kano"][0]["description"] == HARD
    held = read(text).entry("kano", "1.0.0")
    assert held is not None
    assert held["description"] == HARD


# The oracle: everything parsed, merged as data, and sorted; no line is copied.


def merged_whole(
    document: Mapping[str, Any], entries: Sequence[Entry], now: str
) -> Mapping[str, Any]:
    charts = {name: ordered(held) for name, held in document["entries"].items()}
    changed = False
    for each in entries:
        held = charts.get(each.name, [])
        same = [it for it in held if it.get("version") == each.version]
        if same and {**same[0], "created": each.created} == each.document():
            continue
        others = [it for it in held if it.get("version") != each.version]
        charts[each.name] = ordered([*others, each.document()])
        changed = True
    return {**document, "entries": charts, **({"generated": now} if changed else {})}


def ordered(held: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return newest_first(held, lambda it: str(it.get("version", "")))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["kano", "k2", 'q"uo\\te', "é😀", "]", "entries", ""])
VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "1.0.0+b", "1.0.0-rc.1", "v1", "latest", "\n],\n"])
VERSION = st.builds(
    lambda more, about: {**more, **about},
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.fixed_dictionaries({}, optional={"version": VERSIONS, "created": st.just(NOW)}),
)
DOCUMENTS = st.builds(
    lambda head, entries: {**head, "apiVersion": "v1", "entries": entries},
    st.dictionaries(st.sampled_from(["serverInfo", "publicKeys", "x"]), VALUES, max_size=3),
    st.dictionaries(NAMES, st.lists(VERSION, max_size=4), max_size=4),
)
ENTRIES = st.lists(
    st.builds(
        lambda name, version, more: entry(version, name, description=more), NAMES, VERSIONS, TEXT
    ),
    max_size=4,
    unique_by=lambda each: (each.name, each.version),
)


@settings(deadline=None)
@given(DOCUMENTS, st.lists(ENTRIES, min_size=1, max_size=3))
def test_merges_lines_as_it_merges_what_it_parsed(
    document: Mapping[str, Any], releases: Sequence[Sequence[Entry]]
) -> None:
    wanted: Mapping[str, Any] = document
    stored = json.dumps(document).encode()
    for number, entries in enumerate(releases):
        wanted = merged_whole(wanted, entries, f"{NOW}{number}")
        merged = merge(read(stored), entries, f"{NOW}{number}")
        stored = render(merged)
        assert index_lines.split(stored) is not None
        again = json.loads(stored)
        del again["annotations"]
        assert again == wanted
        assert render(read(stored)) == stored
        assert {**merged.head, "entries": merged.entries} == wanted


@settings(deadline=None)
@given(st.data())
def test_tells_of_damage_whatever_a_right_checksum_says(data: st.DataObject) -> None:
    body = bytearray(OURS[OURS.index(b'"entries"') :])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        end = data.draw(st.integers(at, min(len(body), at + 20)))
        body[at:end] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b"]", b"}", b"{", b",\n", b"\xff"])
        )
    with suppress(InvalidError):  # what else would be raised is no error that a user can read
        found = read(stamped(bytes(body)))
        merged = render(merge(found, [entry("1.2.0"), entry("1.0.0", description="new")], NOW))
        assert merged.endswith(b"}}\n")


def test_writes_no_index_that_is_too_long_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(OURS)
    monkeypatch.setattr(index, "LIMIT", len(OURS))
    assert render(found) == OURS
    with pytest.raises(InvalidError, match="it would grow larger than"):
        render(merge(found, [entry("1.2.0")], NOW))
