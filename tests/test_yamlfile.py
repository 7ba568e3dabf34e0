"""YAML that people write, and YAML that is meant to do harm."""

import tracemalloc

import pytest

from kargo_release import yamlfile
from kargo_release.errors import InvalidError


def refusal(data: bytes) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        yamlfile.read_mapping(data, "Chart.yaml")
    return caught.value


# Reading


def test_reads_mappings_lists_and_scalars() -> None:
    data = b"name: kano\nports: [80, 8.5]\nempty:\nquoted: '1.10'\nflag: true\n"

    document = yamlfile.read(data, "f")

    assert document == {
        "name": "kano",
        "ports": [80, 8.5],
        "empty": None,
        "quoted": "1.10",
        "flag": True,
    }


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_reads_past_a_byte_order_mark_and_with_any_line_end(line_end: str) -> None:
    text = line_end.join(["\ufeffname: kàno", "version: 1.0.0", ""])

    assert yamlfile.read(text.encode(), "f") == {"name": "kàno", "version": "1.0.0"}


def test_leaves_dates_as_the_text_they_are() -> None:
    assert yamlfile.read(b"day: 2026-01-31\ntime: 2026-01-31T10:00:00Z\n", "f") == {
        "day": "2026-01-31",
        "time": "2026-01-31T10:00:00Z",
    }


def test_expands_aliases_and_merge_keys_of_modest_size() -> None:
    data = b"base: &base {a: 1}\nmore: {<<: *base, b: 2}\nagain: *base\n"

    assert yamlfile.read(data, "f") == {
        "base": {"a": 1},
        "more": {"a": 1, "b": 2},
        "again": {"a": 1},
    }


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment\n", b"---\n"])
def test_tells_an_empty_document_from_a_mapping(data: bytes) -> None:
    assert yamlfile.read(data, "f") is None
    assert refusal(data).message == "Chart.yaml is empty"
    assert refusal(data).remedy == "Write the keys that it needs."


@pytest.mark.parametrize(
    ("data", "message", "remedy"),
    [
        (b"- a\n", "Chart.yaml holds a list", "It must be a mapping: `key: value` lines."),
        (b"word\n", "Chart.yaml holds a single value", "It must be a mapping"),
        (b"1: a\n", "Chart.yaml has the key 1, which is no text", "Quote it."),
        (b"a: [\n", "Chart.yaml is not YAML: line 2, column 1", "Mend the YAML."),
        (b"a: 1\n b: 2\n", "Chart.yaml is not YAML: line 2", "Mend the YAML."),
        (b"a: 1\n---\nb: 2\n", "but found another document", "Mend the YAML."),
        (b"a: \xff\n", "Chart.yaml is not UTF-8 text", "Save it as UTF-8."),
        (b'a: "\x00"\n', "control characters are not allowed", "Mend the YAML."),
        (b"a: 1\nb: 2\na: 3\n", "Chart.yaml, line 3: the key `a` given twice", "Mend the YAML."),
        (b"x:\n  a: 1\n  a: 1\n", "line 3: the key `a` given twice", "Mend the YAML."),
        (b"a: *none\n", "undefined alias", "Mend the YAML."),
        (b"a: &a [*a]\n", "line 1: an alias that contains itself", "Mend the YAML."),
        (b"? [a]\n: b\n", "found unhashable key", "Mend the YAML."),
        (b"<<: 3\n", "expected a mapping or list of mappings", "Mend the YAML."),
    ],
)
def test_refuses_what_is_no_mapping(data: bytes, message: str, remedy: str) -> None:
    error = refusal(data)

    assert message in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("!!python/object/apply:os.system [id]", "!!python/object/apply:os.system"),
        ("!!timestamp soon", "!!timestamp"),
        ("!!binary eA==", "!!binary"),
        ("!!set {x}", "!!set"),
        ("!mine x", "!mine"),
    ],
)
def test_refuses_tags_of_kinds_that_json_has_not(value: str, tag: str) -> None:
    error = refusal(f"a: 1\nb: {value}\n".encode())

    assert error.message == f"Chart.yaml, line 2: the tag {tag}, which is not supported"


@pytest.mark.parametrize("value", ['!!int ""', "!!int many", '!!float ""', "!!bool maybe"])
def test_refuses_values_that_are_not_what_their_tag_says(value: str) -> None:
    error = refusal(f"a: {value}\n".encode())

    assert error.message == "Chart.yaml holds a value that is not of the kind its tag says"
    assert "Remove the tag" in error.remedy


# What is meant to do harm


def _bomb(line: str) -> bytes:
    lines = [line.format(f"a{n}", ", ".join([f"*a{n - 1}"] * 9)) for n in range(1, 30)]
    return "\n".join(["a0: &a0 {x: 1}", *lines]).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: " + b"x" * yamlfile.SIZE_LIMIT, "is 1.0 MiB, over the limit of 1 MiB"),
        (b"[" * 500_000, "is nested over 100 deep"),
        (b"? " * 500_000, "is nested over 100 deep"),
        (b"-\n" * 500_000, "holds over 100,000 values"),
        (b"{" + b"a," * 500_000 + b"}", "holds over 100,000 values"),
        (_bomb("{0}: &{0} [{1}]"), "over 100,000 values once its aliases are expanded"),
        (_bomb("{0}: &{0} {{<<: [{1}]}}"), "over 100,000 values once its aliases are expanded"),
        (b"a: 1" + b":1" * 500_000, "line 1: a number of over 100 digits"),
        (b"a: 1" + b":1" * 500_000 + b".5", "line 1: a number of over 100 digits"),
        (b"a: 0x" + b"f" * 900_000, "line 1: a number of over 100 digits"),
        (b"a: " + b"1" * 900_000, "line 1: a number of over 100 digits"),
    ],
)
def test_refuses_a_bomb_without_growing(data: bytes, message: str) -> None:
    tracemalloc.start()
    try:
        error = refusal(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert message in error.message
    assert error.remedy
    assert peak < 64 << 20


# Changing one scalar


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: k\nversion: 1.0.0\n", "name: k\nversion: 2.0.0-dev\n"),
        ("version: '1.0.0'   # why\r\nx: y", "version: '2.0.0-dev'   # why\r\nx: y"),
        ('é: "日本😀"\n"version": "1.0.0"\n', 'é: "日本😀"\n"version": "2.0.0-dev"\n'),
        ("\ufeffversion: 1.0.0", "\ufeffversion: 2.0.0-dev"),
        ("version:\n  1.0.0\nname: k\n", "version:\n  2.0.0-dev\nname: k\n"),
        ('{"name":"k","version":"1.0.0"}', '{"name":"k","version":"2.0.0-dev"}'),
        ("dependencies:\n- {name: a, version: 1.0.0}\nversion: 1.0.0\n",
         "dependencies:\n- {name: a, version: 1.0.0}\nversion: 2.0.0-dev\n"),
    ],
)  # fmt: skip
def test_changes_one_scalar_and_no_other_byte(before: str, after: str) -> None:
    assert yamlfile.replace_scalar(before.encode(), "version", "2.0.0-dev", "f") == after.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "a:\n- b: 1\n- {v: ^1.0 , b: 2}  # x\nv: 1\n",
            "a:\n- b: 1\n- {v: ^2.0.0 , b: 2}  # x\nv: 1\n",
        ),
        ("a: [{v: 1}, {v: '1.x'}]\r\n", "a: [{v: 1}, {v: '^2.0.0'}]\r\n"),
    ],
)
def test_changes_a_scalar_at_a_path(before: str, after: str) -> None:
    changed = yamlfile.replace_at(before.encode(), ("a", 1, "v"), "^2.0.0", "f")

    assert changed == after.encode()


@pytest.mark.parametrize("path", [("a", 2, "v"), ("a", "v"), ("b",), ("a",), ("a", 0, "w")])
def test_tells_a_path_that_leads_nowhere(path: tuple[str | int, ...]) -> None:
    with pytest.raises(InvalidError, match="f has no"):
        yamlfile.replace_at(b"a: [{v: 1}, {v: 2}]\n", path, "3", "f")


@pytest.mark.parametrize("value", ["1.2", "yes", "a: b", 'say "\\"', "", "2026-01-31", "# x"])
def test_quotes_what_would_not_be_read_as_the_same_text(value: str) -> None:
    changed = yamlfile.replace_scalar(b"a: x\nb: y\n", "a", value, "f")

    assert yamlfile.read(changed, "f") == {"a": value, "b": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "version: |-\n  1.0.0\nname: k\n",
        "version: >-\n  1.0.0\n\nname: k\n",
        "version: &v 1.0.0\nappVersion: *v\n",
        "appVersion: &v 1.0.0\nversion: *v\n",
        "version:\nname: k\n",
    ],
)
def test_refuses_to_change_what_would_change_more(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        yamlfile.replace_scalar(text.encode(), "version", "2.0.0-dev", "Chart.yaml")

    assert caught.value.message == ("Chart.yaml: `version` can't be changed without changing more")
    assert "Write it on one line" in caught.value.remedy


@pytest.mark.parametrize("text", ["name: k\n", "version: [1]\n", "- version: 1\n", ""])
def test_refuses_to_change_a_scalar_that_is_not_there(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        yamlfile.replace_scalar(text.encode(), "version", "2.0.0", "Chart.yaml")

    assert caught.value.message == "Chart.yaml has no `version`"
    assert caught.value.remedy == "Add the line `version: …`."
