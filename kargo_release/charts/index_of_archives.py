"""The index that archives make: what it says, and how it differs from the one before."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from kargo_release.charts import index, index_kinds
from kargo_release.charts.archived import Archived
from kargo_release.charts.index import Entry, Index
from kargo_release.errors import InvalidError, KargoError
from kargo_release.versions import newest_first

_Version = Mapping[str, Any]
_At = tuple[str, str]  # a chart's name, and the version
_Versions = Mapping[_At, Sequence[_Version]]
_Known = Mapping[str, tuple[_At, _Version]]
_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|.*/", re.DOTALL)  # RFC 3986, or a folder


class Difference(StrEnum):
    """How the index differs in a version from the one before."""

    ADDED = "added"
    CHANGED = "changed"
    DROPPED = "dropped"
    ELSEWHERE = "elsewhere"  # kept as it was: its archive is said to lie outside the backup


@dataclass(frozen=True)
class Change:
    """A version of a chart in which the index differs, or that no archive here stands for."""

    name: str
    version: str
    difference: Difference


@dataclass(frozen=True)
class Oddity:
    """An archive that something is wrong with.

    Args:
        place: How a person names it.
        is_listed: Whether the index has it all the same.
        error: What is wrong, and what to do.
    """

    place: str
    is_listed: bool
    error: KargoError


@dataclass(frozen=True)
class IndexOfArchives:
    """An index made of archives.

    Args:
        index: The new one; the one before itself when it says all that already.
        changes: By name and then version, the newest first.
        oddities: By the archives' names.
    """

    index: Index
    changes: Sequence[Change]
    oddities: Sequence[Oddity]


def index_of(archives: Sequence[Archived], before: Index, now: str) -> IndexOfArchives:
    """Return the index of these archives.

    What the index before says beyond the archive, of an archive with the same digest, stays:
    when it was created, other URLs, what somebody added. What Helm can't read of that goes.

    Args:
        archives: All that the backup holds.
        before: The index that is out.
        now: The time to be ``generated``, in RFC 3339 and UTC.

    Raises:
        InvalidError: The index before turns out to be unreadable.
    """
    held = _grouped(before)
    known = _known(held, archives)
    entries, oddities = _entries(known, archives)
    away = _away(held, entries, _bases(known, archives))
    after = {**entries, **away}
    changes = [
        *_changes(held, after),
        *(Change(*at, Difference.ELSEWHERE) for at in away),
    ]
    changed = {each.name for each in changes if each.difference is not Difference.ELSEWHERE}
    charts, head = _charts(changed, after), index_kinds.readable_head(before.head)
    is_same = not charts and head == before.head
    made = before if is_same else index.with_charts(replace(before, head=head), charts, now)
    return IndexOfArchives(made, _sorted(changes), oddities)


def _known(held: _Versions, archives: Sequence[Archived]) -> _Known:
    """Return the entries that these archives have, by their digests."""
    digests = {each.digest for each in archives}
    return {
        each["digest"]: (at, index_kinds.readable(each))
        for at in held
        for each in held[at]
        if isinstance(each.get("digest"), str) and each["digest"] in digests
    }


def _entries(
    known: _Known, archives: Sequence[Archived]
) -> tuple[dict[_At, list[_Version]], list[Oddity]]:
    entries: dict[_At, list[_Version]] = {}
    oddities: list[Oddity] = []
    # Those with their right names first: where two hold one version, theirs is the entry.
    for each in sorted(archives, key=lambda each: (each.key != each.file_name, each.key)):
        at, entry = _entry(each, known.get(each.digest))
        if is_listed := entry is not None and at not in entries:
            entries[at] = [entry]
        error = each.error or _misplaced(each, is_listed=is_listed)
        if error:
            oddities.append(Oddity(each.place, is_listed, error))
    return entries, sorted(oddities, key=lambda oddity: oddity.place)


def _entry(archived: Archived, known: tuple[_At, _Version] | None) -> tuple[_At, _Version | None]:
    """Return the entry of an archive; of one that we can't read the one that it has, if any."""
    if archived.metadata is None:
        return known or (("", ""), None)
    fresh = Entry(archived.metadata, archived.digest, archived.stored)
    said = known[1] if known else {}
    ours = {**said, **fresh.document(), "urls": [quote(archived.key)]}
    if said.get("created"):
        ours["created"] = said["created"]
    if any(_leads_to(url, archived.key) for url in _urls(said)):
        ours["urls"] = said["urls"]
    return (fresh.name, fresh.version), ours


def _misplaced(archived: Archived, *, is_listed: bool) -> InvalidError | None:
    if not is_listed:
        return InvalidError(
            f"{archived.place} holds the same version as {archived.file_name}",
            "Remove one of the two.",
        )
    if archived.key != archived.file_name:
        return InvalidError(
            f"{archived.place} holds what should be called {archived.file_name}",
            "Rename it, then run this again: a release looks for it under that name.",
        )
    return None


def _grouped(before: Index) -> dict[_At, list[_Version]]:
    groups: dict[_At, list[_Version]] = defaultdict(list)
    for name, held in before.entries.items():
        for entry in held:
            groups[name, str(entry.get("version", ""))].append(entry)
    return groups


def _bases(known: _Known, archives: Sequence[Archived]) -> set[str]:
    """Return the addresses of the backup's own folder, as ``helm repo index --url`` writes them.

    An archive that is said to have several may lie in several places, so it does not tell.
    """
    said = ((each.key, _urls(known[each.digest][1])) for each in archives if each.digest in known)
    alone = ((key, *urls) for key, urls in said if len(urls) == 1)
    return {_base(url) for key, url in alone if "://" in url and _leads_to(url, key)}


def _away(
    held: _Versions, entries: Collection[_At], bases: Collection[str]
) -> dict[_At, list[_Version]]:
    """Return the versions whose archives were not to be looked for in the backup's folder."""
    away: dict[_At, list[_Version]] = defaultdict(list)
    for at in held.keys() - entries:
        for each in map(index_kinds.readable, held[at]):
            if _is_elsewhere(each, bases):
                away[at].append(each)
    return away


def _is_elsewhere(entry: _Version, bases: Collection[str]) -> bool:
    """Whether all its URLs lead out of the backup's own folder, which alone was looked at."""
    urls = _urls(entry)
    return bool(urls) and all(_ELSEWHERE.match(url) and _base(url) not in bases for url in urls)


def _base(url: str) -> str:
    return url.rpartition("/")[0]


def _leads_to(url: str, key: str) -> bool:
    return unquote(url.rpartition("/")[2]) == key


def _urls(entry: _Version) -> Sequence[str]:
    return entry.get("urls") or ()


def _changes(before: _Versions, after: _Versions) -> Iterator[Change]:
    for at in before.keys() | after.keys():
        held, made = before.get(at, ()), after.get(at, ())
        if list(held) != list(made):
            known = {(False, True): Difference.ADDED, (True, False): Difference.DROPPED}
            yield Change(*at, known.get((bool(held), bool(made)), Difference.CHANGED))


def _charts(names: Iterable[str], after: _Versions) -> dict[str, list[_Version]]:
    charts: dict[str, list[_Version]] = {name: [] for name in names}
    for (name, _), held in after.items():
        if name in charts:
            charts[name].extend(held)
    return {
        name: newest_first(held, lambda each: str(each.get("version", "")))
        for name, held in charts.items()
    }


def _sorted(changes: Iterable[Change]) -> list[Change]:
    ordered = newest_first(changes, lambda change: change.version)
    return sorted(ordered, key=lambda change: change.name)
