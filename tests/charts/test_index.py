from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
import yaml
from indexes import BY_HELM, LATER, NOW, entry

from kargo_release.charts import index
from kargo_release.charts.index import EMPTY, Index, merge, read, render
from kargo_release.errors import InvalidError


def with_versions(*versions: str) -> Index:
    return merge(EMPTY, [entry(each) for each in versions], NOW)


def test_reads_what_helm_wrote_and_changes_no_text() -> None:
    found = read(BY_HELM)
    assert found.head["annotations"] == {"owner": "007"}
    assert found.head["serverInfo"] == {"contextPath": None}
    held = found.entry("k2", "0.1.0")
    assert held is not None
    assert held["created"] == "2026-01-31T12:00:00.123456789+01:00"
    assert held["appVersion"] == "1.10"
    assert held["digest"] == "1234567890123456789012345678901234567890123456789012345678901234"
    assert held["deprecated"] is True
    assert held["dependencies"] == [{"enabled": True, "name": "kargo", "repository": ""}]


def test_reads_again_what_it_writes() -> None:
    found = read(BY_HELM)
    assert read(render(found)) == found
    text: dict[str, Any] = {"description": 'é 😀 "\\ \x7f', "keywords": []}
    ours = merge(found, [entry("1.0.0", **text)], NOW)
    assert read(render(ours)) == ours
    assert "é 😀".encode() in render(ours)


def test_writes_an_escape_for_half_a_character() -> None:
    found = read(b'{"apiVersion": "v1", "entries": {}, "note": "\\ud800"}')
    assert b'"\\ud800"' in render(found)
    assert read(render(found)) == found


def test_writes_one_version_a_line() -> None:
    found = merge(with_versions("1.0.0", "1.1.0"), [entry("2.0.0", name="k2")], LATER)

    def line(name: str, version: str) -> str:
        return (
            f'{{"apiVersion": "v2", "name": "{name}", "version": "{version}", '
            f'"created": "{NOW}", "digest": "{"0" * 64}", "urls": ["{name}-{version}.tgz"]}}'
        )

    written = render(found).decode()
    body = written[written.index('"entries"') :]
    checksum = sha256(body.encode()).hexdigest()
    assert written.splitlines() == [
        '{"apiVersion": "v1",',
        f'"generated": "{LATER}",',
        f'"annotations": {{"io.github.kargo-release.checksum": "sha256:{checksum}"}},',
        '"entries": {',
        '"k2": [',
        line("k2", "2.0.0"),
        "],",
        '"kano": [',
        line("kano", "1.1.0") + ",",
        line("kano", "1.0.0"),
        "]",
        "}}",
    ]


def test_writes_what_readers_of_yaml_understand() -> None:
    text = "é 😀: - 'a' #b"
    found = merge(read(BY_HELM), [entry("1.0.0", description=text)], NOW)
    assert yaml.safe_load(render(found))["entries"]["kano"][0]["description"] == text


def test_writes_an_empty_index() -> None:
    assert read(render(EMPTY)) == EMPTY


def test_quotes_what_s3_would_take_for_a_space() -> None:
    assert entry("1.0.0+b 1").document()["urls"] == ["kano-1.0.0%2Bb%201.tgz"]


def test_lists_the_newest_first() -> None:
    versions = ["1.0.0-rc.2", "0.9.0", "1.0.0", "1.0.0-rc.10", "1.10.0", "1.9.0", "1.0.0+b"]
    assert with_versions(*versions).versions("kano") == [
        "1.10.0",
        "1.9.0",
        "1.0.0+b",
        "1.0.0",
        "1.0.0-rc.10",
        "1.0.0-rc.2",
        "0.9.0",
    ]


def test_puts_the_newest_first_of_what_others_wrote() -> None:
    found = read(b"apiVersion: v1\nentries: {kano: [{version: 1.9.0}, {a: b}, {version: 1.10.0}]}")
    assert found.entries == {"kano": [{"version": "1.10.0"}, {"version": "1.9.0"}, {"a": "b"}]}


def test_finds_a_version_by_its_exact_text() -> None:
    found = with_versions("1.0.0", "1.0.0+b")
    held = found.entry("kano", "1.0.0+b")
    assert held is not None
    assert held["version"] == "1.0.0+b"
    assert found.entry("kano", "1.0") is None
    assert found.entry("kan", "1.0.0") is None
    assert found.versions("kan") == []


def test_keeps_what_others_wrote() -> None:
    odd: list[Mapping[str, Any]] = [{"version": "latest", "by": "hand"}, {"no": "version"}]
    theirs = Index.of(
        {"apiVersion": "v1", "x-own": [1], "entries": {"kano": odd, "zoo": odd}, "publicKeys": []}
    )
    merged = merge(theirs, [entry("1.0.0")], NOW)
    assert merged.head == {"apiVersion": "v1", "x-own": [1], "publicKeys": [], "generated": NOW}
    assert merged.entries == {"kano": [entry("1.0.0").document(), *odd], "zoo": odd}


def test_replaces_a_version_that_differs() -> None:
    merged = merge(with_versions("1.0.0", "1.1.0"), [entry("1.0.0", description="new")], LATER)
    assert merged.versions("kano") == ["1.1.0", "1.0.0"]
    held = merged.entry("kano", "1.0.0")
    assert held is not None
    assert held["description"] == "new"
    assert merged.head["generated"] == LATER


def test_leaves_one_of_a_version_that_is_there_twice() -> None:
    twice = Index.of({"apiVersion": "v1", "entries": {"kano": [{"version": "1.0.0"}] * 2}})
    assert merge(twice, [entry("1.0.0")], NOW).versions("kano") == ["1.0.0"]


def test_changes_nothing_when_all_is_there() -> None:
    found = with_versions("1.0.0", "1.1.0")
    assert merge(found, [entry("1.0.0", created=LATER)], LATER) is found
    assert merge(found, [], LATER) is found
    again = read(render(found))
    assert merge(again, [entry("1.1.0")], LATER) is again


def test_leaves_the_index_that_it_was_given() -> None:
    found = with_versions("1.0.0")
    before = render(found)
    merge(found, [entry("1.1.0"), entry("1.0.0", name="k2")], LATER)
    assert render(found) == before


LAUGHS = "\n".join(
    [
        "apiVersion: v1",
        "a0: &a0 [x, x]",
        *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 99)),
    ]
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "index.yaml"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "index.yaml"),
        (b"\x1f\x8b\x08\x00gzip", "index.yaml"),
        (b"\xff\xfea\x00", "index.yaml"),
        (b"null", "no apiVersion"),
        (b"[]", "no apiVersion"),
        (b"{}", "no apiVersion"),
        (b"entries: {}", "no apiVersion"),
        (b'{"apiVersion": "", "entries": {}}', "no apiVersion"),
        (b'{"apiVersion": 1, "entries": {}}', "no apiVersion"),
        (b"apiVersion: v1\nentries: []", "`entries` is not a mapping"),
        (b"apiVersion: v1\nentries: kano", "`entries` is not a mapping"),
        (b"apiVersion: v1\nentries: {kano: {a: b}}", "'kano' is not a list"),
        (b"apiVersion: v1\nentries: {kano: [text]}", "a version of 'kano' is not one"),
        (b'{"apiVersion": "v1", "entries": {"kano": [{"version": 1.1}]}}', "'kano' is not one"),
        (b'{"apiVersion": "v1", "entries": {"kano": [], "kano": []}}', "the key 'kano' twice"),
        (b"apiVersion: v1\nentries: {kano: [], kano: []}", "the key 'kano' twice"),
        (b"apiVersion: v1\nentries:\n  kano: []\n---\nentries: {}\n", "2 documents"),
        (b"apiVersion: v1\n? [a, b]\n: c", "line 2 has a key that is not text"),
        (b"apiVersion: v1\nentries: !!python/object:os.system {}", "line 2 has a tag"),
        (b"apiVersion: v1\nentries: {kano: [!!float 1.1]}", "line 2 has a tag"),
        (b"apiVersion: v1\nentries: &e {}\nx: *e", "line 3 has an alias"),
        (LAUGHS.encode(), "line 3 has an alias"),
        (b"[" * 200_000, "nested too deeply"),
        (b"{a: " * 200_000, "nested too deeply"),
        (b"- " * 200_000, "nested too deeply"),
        (b"a: [" * 5, "index.yaml cannot be read"),
        (b" " * (index.LIMIT + 1), "larger than 256 MiB"),
    ],
)
def test_refuses_what_is_no_index(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read(data)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert "rebuild-index" in caught.value.remedy


def test_finds_a_repeated_key_among_many_in_one_look() -> None:
    entries = ",".join(f'"chart-{number}": []' for number in range(40_000))

    with pytest.raises(InvalidError, match="the key 'last' twice"):
        read(f'{{"entries": {{{entries},"last": [],"last": []}}}}'.encode())


@pytest.mark.parametrize("whole", [render(with_versions("1.0.0", "1.1.0")), BY_HELM])
def test_never_takes_the_beginning_of_an_index_for_less_than_it_was(whole: bytes) -> None:
    complete = read(whole)
    for length in range(len(whole) - 1):
        try:
            cut = read(whole[:length])
        except InvalidError:
            continue
        # YAML cannot tell that lines are missing; JSON, which is what we write, can.
        assert whole is BY_HELM or cut == complete


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_keeps_numbers_that_json_has_not_as_text(number: str) -> None:
    found = read(b'{"apiVersion": "v1", "x": %s}' % number.encode())
    assert found.head["x"] == number


def test_drops_nulls_as_helm_does() -> None:
    found = read(b"apiVersion: v1\nentries: {kano: [null, {version: 1.0.0}], k2: null}")
    assert found.entries == {"kano": [{"version": "1.0.0"}], "k2": []}
    assert read(b"apiVersion: v1").entries == {}


def test_reads_text_with_a_byte_order_mark() -> None:
    assert read(b"\xef\xbb\xbf" + render(EMPTY)) == EMPTY
    assert read(b"\xef\xbb\xbf" + BY_HELM) == read(BY_HELM)


def test_refuses_what_is_too_deep_to_be_written_again() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(InvalidError, match="what it has of 'kano' is nested too deeply") as caught:
        Index.of({"apiVersion": "v1", "entries": {"kano": [{"version": "1.0.0", "x": deep}]}})
    assert "rebuild-index" in caught.value.remedy
