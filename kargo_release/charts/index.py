"""Helm's index.yaml: what a chart repository holds.

Format: helm/helm ``pkg/repo/v1/index.go``. It is written as JSON, which Helm takes where it
expects YAML and loads far faster, one version a line (`index_lines`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from kargo_release.charts import index_lines
from kargo_release.charts.index_text import invalid, parsed
from kargo_release.errors import InvalidError
from kargo_release.versions import newest_first

KEY = "index.yaml"

# Bytes: several hundred thousand versions.
LIMIT = 256 << 20
# Bytes of an index that this program did not write, which is parsed whole and takes far longer.
FOREIGN_LIMIT = 64 << 20

_Version = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One version of a chart, as it is put into the index.

    Args:
        metadata: What Chart.yaml says, in values that JSON has, with text where Helm's format
            has text: a number as appVersion would make the whole index unreadable for Helm.
        digest: The SHA-256 of the archive, in hexadecimal.
        created: When, in RFC 3339 and UTC: ``2026-01-31T12:00:00Z``.
    """

    metadata: Mapping[str, Any]
    digest: str
    created: str

    @property
    def name(self) -> str:
        """The chart's name."""
        return str(self.metadata["name"])

    @property
    def version(self) -> str:
        """The chart's version, as it is written."""
        return str(self.metadata["version"])

    @property
    def url(self) -> str:
        """Where the archive is, relative to the index.

        Quoted, for S3 takes a bare ``+`` in a URL for a space.
        """
        return quote(f"{self.name}-{self.version}.tgz")

    def document(self) -> _Version:
        """Return the entry with its keys in Helm's order."""
        return {
            **self.metadata,
            "created": self.created,
            "digest": self.digest,
            "urls": [self.url],
        }


@dataclass(frozen=True)
class Index:
    """What index.yaml says, with whatever others have put there.

    Args:
        head: All but the entries; ``apiVersion`` is among it.
        charts: The lines of each chart by its name (see `index_lines`), the newest version first.
        place: How messages name it.
    """

    head: Mapping[str, Any]
    charts: Mapping[str, bytes]
    place: str = field(default=KEY, compare=False)
    _parsed: dict[str, list[_Version]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any], place: str = KEY) -> "Index":
        """Return the index that a document is: ``entries`` has a list of mappings by each name.

        Nulls among the versions, which Helm skips too, are dropped, and the newest version comes
        first; all else stays.

        Raises:
            InvalidError: Something else is there.
        """
        entries = document.get("entries")
        if not isinstance(entries, dict | None):
            raise _invalid(place, "its `entries` is not a mapping")
        head = {key: value for key, value in document.items() if key != "entries"}
        charts = {
            name: _lines(name, _ordered(name, [] if held is None else held, place), place)
            for name, held in (entries or {}).items()
        }
        return cls(index_lines.without_checksum(head), charts, place)

    @property
    def entries(self) -> Mapping[str, Sequence[_Version]]:
        """The versions of each chart by its name, in the order of the file; parses all of them."""
        return {name: self.of_chart(name) for name in self.charts}

    def of_chart(self, name: str) -> Sequence[_Version]:
        """Return the versions of a chart in the order of the file; empty for an unknown one.

        Raises:
            InvalidError: They can't be read, though their checksum says otherwise.
        """
        if name not in self._parsed and name in self.charts:
            with self._reading(name):
                self._parsed[name] = index_lines.versions(self.charts[name])
        return self._parsed.get(name, ())

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, RecursionError) as error:
            raise invalid(self.place, f"the lines of {name!r}: {error}") from None

    def versions(self, name: str) -> list[str]:
        """Return the versions of a chart in the order of the file; empty for an unknown one."""
        return [str(each.get("version", "")) for each in self.of_chart(name)]

    def entry(self, name: str, version: str) -> _Version | None:
        """Return the entry of exactly this version, build metadata included, or None."""
        with self._reading(name):
            return index_lines.find(self.charts.get(name, b""), version)

    def with_entry(self, entry: Entry) -> "Index":
        """Return the index with the entry in place of its version.

        Raises:
            InvalidError: The chart's lines can't be read, though their checksum says otherwise.
        """
        with self._reading(entry.name):
            chart = index_lines.put(self.charts.get(entry.name, b""), entry.document())
        return replace(self, charts={**self.charts, entry.name: chart}, _parsed={})


EMPTY = Index({"apiVersion": "v1"}, {})


def read(data: bytes, place: str = KEY) -> Index:
    """Return the index that ``data`` holds; ``place`` is how messages name it.

    Raises:
        InvalidError: It is not an index, is damaged, or is larger than ``LIMIT``, or, when this
            program did not write it, than ``FOREIGN_LIMIT``.
    """
    if len(data) > LIMIT:
        raise _invalid(place, f"it is larger than {LIMIT >> 20} MiB")
    if ours := index_lines.split(data):
        head, charts = ours
        return _with_api_version(Index(head, charts, place))
    if len(data) > FOREIGN_LIMIT:
        raise _invalid(place, f"other programs wrote it, and more than {FOREIGN_LIMIT >> 20} MiB")
    if not data.strip():
        raise _invalid(place, "it is empty")
    document = parsed(data, place)
    if not isinstance(document, dict):
        raise _invalid(place, "it has no apiVersion")
    return _with_api_version(Index.of(document, place))


def merge(index: Index, entries: Iterable[Entry], now: str) -> Index:
    """Return the index with the entries in it, each in place of its name and version.

    Args:
        index: What is out.
        entries: What is to be there; an entry that differs in ``created`` alone is there.
        now: The time to be ``generated``, in RFC 3339 and UTC.

    Returns:
        The same object when nothing changed.

    Raises:
        InvalidError: A chart's lines can't be read.
    """
    merged = index
    for entry in entries:
        if not _holds(index, entry):
            merged = merged.with_entry(entry)
    return _generated(merged, now) if merged is not index else index


def with_charts(index: Index, changed: Mapping[str, Sequence[_Version]], now: str) -> Index:
    """Return the index with the versions of some charts in place of those that it has.

    Args:
        index: What is out.
        changed: The versions by the chart's name, in their order; a chart without any is dropped.
        now: As for ``merge``.

    Raises:
        InvalidError: A version is nested too deeply.
    """
    emptied = {name for name, versions in changed.items() if not versions}
    lines = {name: _lines(name, versions, index.place) for name, versions in changed.items()}
    charts = {n: each for n, each in {**index.charts, **lines}.items() if n not in emptied}
    return _generated(replace(index, charts=charts, _parsed={}), now)


def render(index: Index) -> bytes:
    """Return the index as it is stored: JSON, with one version a line.

    Raises:
        InvalidError: It would be larger than ``LIMIT``, so that nobody could read it again.
    """
    data = index_lines.joined(index.head, index.charts)
    if len(data) > LIMIT:
        raise _invalid(KEY, f"it would grow larger than {LIMIT >> 20} MiB")
    return data


def _invalid(place: str, reason: str) -> InvalidError:
    return invalid(place, f"it is no index of charts: {reason}")


def _with_api_version(index: Index) -> Index:
    version = index.head.get("apiVersion")
    if not isinstance(version, str) or not version:
        raise _invalid(index.place, "it has no apiVersion")
    return index


def _lines(name: str, versions: Sequence[_Version], place: str) -> bytes:
    try:
        return index_lines.lines(versions)
    except RecursionError:
        raise _invalid(place, f"what it has of {name!r} is nested too deeply") from None


def _ordered(name: str, versions: Any, place: str) -> list[_Version]:
    if not isinstance(versions, list):
        raise _invalid(place, f"what it has of {name!r} is not a list")
    held = [each for each in versions if each is not None]
    for each in held:
        if not isinstance(each, dict) or not isinstance(each.get("version", ""), str):
            raise _invalid(place, f"a version of {name!r} is not one")
    return newest_first(held, lambda each: str(each.get("version", "")))


def _holds(index: Index, entry: Entry) -> bool:
    held = index.entry(entry.name, entry.version)
    return held is not None and {**held, "created": entry.created} == entry.document()


def _generated(index: Index, now: str) -> Index:
    charts = dict(sorted(index.charts.items()))
    return replace(index, head={**index.head, "generated": now}, charts=charts)
