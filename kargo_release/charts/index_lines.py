"""The form in which index.yaml is stored: JSON, one version a line, with a checksum of the lines.

The checksum, an annotation of the index, tells that the lines are as this program wrote them. Only
what is asked for is then parsed; all other lines are copied. Any other text is parsed whole.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from kargo_release.charts import index_text
from kargo_release.versions import newest_first

CHECKSUM = "io.github.kargo-release.checksum"
"""The annotation: ``sha256:`` and the digest, in hexadecimal, from the line of ``entries`` on."""

_ANNOTATIONS = "annotations"
_OPENING, _CLOSING = b'"entries": {\n', b"}}\n"
_CHART_OPENING, _CHART_CLOSING = b": [\n", b"\n]"
_NEXT_CHART, _NEXT_LINE = b",\n", b",\n"
# What JSON takes as it is and YAML does not (YAML 1.1, 5.1), or takes for the end of a line.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

_Version = Mapping[str, Any]


def split(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Return what stands before the entries, and the lines of each chart by its name.

    Returns:
        None when the text is in another form, or was changed since this program wrote it.
    """
    start = data.find(b"\n" + _OPENING) + 1
    try:
        head = index_text.json_value(data[:start] + b'"entries": null}')
        del head["entries"]
        if head[_ANNOTATIONS][CHECKSUM] != _checksum([memoryview(data)[start:]]):
            return None
        return without_checksum(head), _charts(data, start + len(_OPENING))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def joined(head: Mapping[str, Any], charts: Mapping[str, bytes]) -> bytes:
    """Return the text of an index.

    Args:
        head: All but its entries.
        charts: The lines of each chart by its name, as ``lines`` returns them.
    """
    body = [_OPENING, *_body(charts), _CLOSING]
    fields = _with_checksum(head, _checksum(body)).items()
    first = [f"{_json(key)}: {_json(value)},\n".encode() for key, value in fields]
    return b"".join([b"{", *first, *body])


def lines(versions: Iterable[_Version]) -> bytes:
    """Return the lines of one chart, in the order of the versions."""
    return _NEXT_LINE.join(_json(each).encode() for each in versions)


def versions(chart: bytes) -> list[_Version]:
    """Return what the lines of one chart hold, without nulls, which Helm skips too.

    Raises:
        ValueError: They are not lines of JSON, or what one holds is no version.
        RecursionError: They are nested too deeply.
    """
    held = index_text.json_value(b"[" + chart + b"]")
    return [_checked(each) for each in held if each is not None]


def find(chart: bytes, version: str) -> _Version | None:
    """Return what the lines of one chart hold of exactly this version, or None.

    Raises:
        ValueError, RecursionError: As ``versions``.
    """
    mark = _mark(version)
    found = (_parsed(line) for line in _split(chart) if mark in line) if mark in chart else ()
    return next((held for held in found if held.get("version") == version), None)


def put(chart: bytes, entry: _Version) -> bytes:
    """Return the lines of one chart with the entry in place of its version.

    It comes before the first version that is older; all other lines stay as they are.

    Raises:
        ValueError, RecursionError: As ``versions``.
    """
    version = entry["version"]
    mark = _mark(version)
    others = [line for line in _split(chart) if mark not in line or not _is(line, version)]
    older = (at for at, line in enumerate(others) if _is_newer(version, _parsed(line)))
    others.insert(next(older, len(others)), _json(entry).encode())
    return _NEXT_LINE.join(others)


def _split(chart: bytes) -> list[bytes]:
    return chart.split(_NEXT_LINE) if chart else []


def _mark(version: str) -> bytes:
    """Return what the line of a version holds; whatever is in lines was written by `_json`."""
    return f'"version": {_json(version)}'.encode()


def _is(line: bytes, version: str) -> bool:
    return _parsed(line).get("version") == version


def _is_newer(version: str, held: _Version) -> bool:
    return newest_first([str(held.get("version", "")), version])[0] == version


def _parsed(line: bytes) -> _Version:
    return _checked(index_text.json_value(line))


def _checked(held: Any) -> _Version:
    if not isinstance(held, dict) or not isinstance(held.get("version", ""), str):
        raise ValueError("a version is not one")
    return held


def without_checksum(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of an index without our own annotation."""
    annotations = head.get(_ANNOTATIONS)
    if not isinstance(annotations, dict) or CHECKSUM not in annotations:
        return dict(head)
    others = {key: value for key, value in annotations.items() if key != CHECKSUM}
    return {
        key: others if key == _ANNOTATIONS else value
        for key, value in head.items()
        if key != _ANNOTATIONS or others
    }


def _with_checksum(head: Mapping[str, Any], checksum: str) -> Mapping[str, Any]:
    annotations = head.get(_ANNOTATIONS) or {}
    if not isinstance(annotations, dict):
        return head  # whatever it is, it is somebody else's
    return {**head, _ANNOTATIONS: {**annotations, CHECKSUM: checksum}}


def _checksum(body: Sequence[bytes | memoryview]) -> str:
    digest = sha256()
    for part in body:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _charts(data: bytes, start: int) -> dict[str, bytes]:
    """Return the lines of each chart; the first stands at ``start``.

    Raises:
        ValueError: The text is not in this form after all, or names a chart twice.
    """
    if data[start : start + len(_CLOSING) + 1] == _CLOSING:
        return {}
    closing = _CHART_CLOSING + b"\n" + _CLOSING
    if not data.endswith(closing):
        raise ValueError("the end is missing")
    charts: dict[str, bytes] = {}
    # Strings of JSON hold no line feed: what is looked for can't be within a version.
    for part in data[start : -len(closing)].split(_CHART_CLOSING + _NEXT_CHART):
        quoted, opened, chart = part.partition(_CHART_OPENING)
        name = index_text.json_value(quoted)
        if not opened or not isinstance(name, str) or name in charts:
            raise ValueError("what should be a chart is none")
        charts[name] = chart
    return charts


def _body(charts: Mapping[str, bytes]) -> Iterator[bytes]:
    for number, (name, chart) in enumerate(charts.items(), 1):
        yield _json(name).encode() + _CHART_OPENING
        yield chart
        yield _CHART_CLOSING + (_NEXT_CHART if number < len(charts) else b"\n")


def _json(value: Any) -> str:
    # Not ASCII only: readers of YAML take \ud83d\ude00 for two characters.
    text = json.dumps(value, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
