"""Helm's index.yaml: what a chart repository holds.

Format: helm/helm ``pkg/repo/v1/index.go``. It is written as JSON, which Helm takes where it
expects YAML and loads far faster, one version a line.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kargo_release.bucket.store import LostRaceError, ObjectStore
from kargo_release.charts.index_text import parsed
from kargo_release.errors import FailedError, InvalidError
from kargo_release.versions import newest_first

KEY = "index.yaml"
CONTENT_TYPE = "application/yaml"  # RFC 9512

# Bytes. A hundred thousand versions of some 600 bytes fit in; what is larger is no index of charts
# and would take gigabytes of memory once it is parsed.
LIMIT = 64 << 20

# Each lost race means that somebody else has got through: so many writers at once do all.
_TRIES = 40
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds

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

    ``document`` is a mapping with ``apiVersion`` and ``entries``: name to a list of mappings.
    """

    document: Mapping[str, Any]

    @property
    def entries(self) -> Mapping[str, Sequence[_Version]]:
        """The versions of each chart by its name, in the order of the file."""
        entries: Mapping[str, Sequence[_Version]] = self.document["entries"]
        return entries

    def versions(self, name: str) -> list[str]:
        """Return the versions of a chart in the order of the file; empty for an unknown one."""
        return [str(each.get("version", "")) for each in self.entries.get(name, ())]

    def entry(self, name: str, version: str) -> _Version | None:
        """Return the entry of exactly this version, build metadata included, or None."""
        held = (each for each in self.entries.get(name, ()) if each.get("version") == version)
        return next(held, None)


EMPTY = Index({"apiVersion": "v1", "entries": {}})


def read(data: bytes, place: str = KEY) -> Index:
    """Return the index that ``data`` holds; ``place`` is how messages name it.

    Nulls among the versions, which Helm skips too, are dropped; all else stays.

    Raises:
        InvalidError: It is not an index, is damaged, or is larger than ``LIMIT``.
    """
    if len(data) > LIMIT:
        raise _invalid(place, f"it is larger than {LIMIT >> 20} MiB")
    if not data.strip():
        raise _invalid(place, "it is empty")
    document = parsed(data, place)
    version = document.get("apiVersion") if isinstance(document, dict) else None
    if not isinstance(version, str) or not version:
        raise _invalid(place, "it has no apiVersion")
    entries = document.get("entries")
    if entries is None:
        entries = {}
    if not isinstance(entries, dict):
        raise _invalid(place, "its `entries` is not a mapping")
    return Index({**document, "entries": dict(_checked(entries, place))})


def merge(index: Index, entries: Iterable[Entry], now: str) -> Index:
    """Return the index with the entries in it, each in place of its name and version.

    Args:
        index: What is out.
        entries: What is to be there; an entry that differs in ``created`` alone is there.
        now: The time to be ``generated``, in RFC 3339 and UTC.

    Returns:
        The same object when nothing changed. Else the charts that changed are sorted, newest first.
    """
    fresh = [entry for entry in entries if not _holds(index, entry)]
    if not fresh:
        return index
    charts = dict(index.entries)
    for entry in fresh:
        charts[entry.name] = _with(charts.get(entry.name, ()), entry)
    return Index({**index.document, "generated": now, "entries": dict(sorted(charts.items()))})


def render(index: Index) -> bytes:
    """Return the index as it is stored: JSON, with one version a line.

    Raises:
        InvalidError: It would be larger than ``LIMIT``, so that nobody could read it again.
    """
    text = "".join(_lines(index))
    # A lone surrogate, which only an escape in JSON can have brought in, becomes that escape again.
    data = text.encode(errors="backslashreplace")
    if len(data) > LIMIT:
        raise _invalid(KEY, f"it would grow larger than {LIMIT >> 20} MiB")
    return data


def update(store: ObjectStore, entries: Sequence[Entry], now: str) -> Index:
    """Put the entries into the store's index, whoever else writes to it meanwhile.

    Args:
        store: Where index.yaml is; it is created when there is none.
        entries: As for ``merge``.
        now: As for ``merge``.

    Returns:
        The index as it is out now. Nothing is written when it held all of that.

    Raises:
        InvalidError: The index that is out cannot be read; it is left as it is.
        FailedError: Others wrote at every one of many tries, or the store failed.
        RefusedError: As the store's ``put``.
    """
    for attempt in range(_TRIES):
        found = store.get(KEY, LIMIT)
        index = read(found[0], store.location(KEY)) if found else EMPTY
        merged = merge(index, entries, now)
        if merged is index:
            return index
        etag = found[1].etag if found else None
        try:
            store.put(KEY, render(merged), if_match=etag, content_type=CONTENT_TYPE)
        except LostRaceError:
            _pause(attempt)
        else:
            return merged
    raise FailedError(
        f"{store.location(KEY)} was changed by others at each of {_TRIES} tries",
        "Run it again when fewer releases run.",
    )


def _pause(attempt: int) -> None:
    longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads writers, hides nothing


def _invalid(place: str, reason: str) -> InvalidError:
    return InvalidError(
        f"{place} is not an index of charts: {reason}",
        "Put back a good one (`helm repo index` makes one of the archives).",
    )


def _checked(entries: Mapping[str, Any], place: str) -> Iterator[tuple[str, list[_Version]]]:
    for name, versions in entries.items():
        if not isinstance(versions, list | None):
            raise _invalid(place, f"what it has of {name!r} is not a list")
        held = [each for each in versions or () if each is not None]
        for each in held:
            if not isinstance(each, dict) or not isinstance(each.get("version", ""), str):
                raise _invalid(place, f"a version of {name!r} is not one")
        yield name, held


def _holds(index: Index, entry: Entry) -> bool:
    held = index.entry(entry.name, entry.version)
    return held is not None and {**held, "created": entry.created} == entry.document()


def _with(versions: Sequence[_Version], entry: Entry) -> list[_Version]:
    others = [each for each in versions if each.get("version") != entry.version]
    return newest_first([*others, entry.document()], lambda each: each.get("version", ""))


def _lines(index: Index) -> Iterator[str]:
    yield "{"
    for key, value in index.document.items():
        if key != "entries":
            yield f"{_json(key)}: {_json(value)},\n"
    yield '"entries": {'
    before = "\n"
    for name, versions in index.entries.items():
        yield f"{before}{_json(name)}: [\n"
        yield ",\n".join(_json(each) for each in versions)
        yield "\n]"
        before = ",\n"
    yield "\n}}\n"


def _json(value: Any) -> str:
    # Not escaped: readers of YAML take \ud83d\ude00 for two characters.
    return json.dumps(value, ensure_ascii=False)
