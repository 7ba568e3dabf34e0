"""Which versions of charts there are, by all that bears witness of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from kargo_release import versions
from kargo_release.charts.metadata import is_name
from kargo_release.errors import InvalidError

if TYPE_CHECKING:
    from kargo_release.charts.index import Index

CLAIM_FORM = "{name}-{version}"


@dataclass(frozen=True)
class Ref:
    """A tag or a claim: its short name, its own object, and the commit that it stands for."""

    name: str
    oid: str
    commit: str


@dataclass(frozen=True)
class Known:
    """A version of a chart, and what is known of it before any destination was asked for it.

    ``entry`` is what index.yaml says of it, and ``in_registry`` whether the registry has its tag.
    """

    name: str
    version: str
    tag: Ref | None = None
    claim: Ref | None = None
    entry: Mapping[str, Any] | None = None
    in_registry: bool = False

    @property
    def origin(self) -> Ref | None:
        """What says which commit the version was made from: the tag, before its claim."""
        return self.tag or self.claim


class KnownVersions:
    """The versions of all charts, gathered from one witness after the other."""

    def __init__(self) -> None:
        self._charts: dict[str, dict[str, Known]] = {}

    @property
    def names(self) -> set[str]:
        """The charts of which some version is known."""
        return set(self._charts)

    def of(self, name: str) -> list[Known]:
        """Return the versions of a chart, the newest first."""
        return versions.newest_first(
            list(self._charts.get(name, {}).values()), lambda known: known.version
        )

    def add_tags(self, refs: Iterable[Ref], form: str, charts: Iterable[str]) -> None:
        """Take in the tags that have the form of a release's."""
        for name, version, ref in _named(refs, form, set(charts)):
            self._add(name, version, tag=ref)

    def add_claims(self, refs: Iterable[Ref], charts: Iterable[str]) -> None:
        """Take in the claims."""
        for name, version, ref in _named(refs, CLAIM_FORM, set(charts)):
            self._add(name, version, claim=ref)

    def add_index(self, index: "Index", names: Iterable[str] = ()) -> None:
        """Take in what index.yaml lists of charts, or of all; it was published as versions."""
        for name in dict.fromkeys(names) or index.charts:
            entries = index.of_chart(name)
            # Of two entries of one version Helm takes the first.
            by_version = {str(each.get("version", "")): each for each in reversed(entries)}
            for version, entry in by_version.items():
                if is_name(name) and _is_loose(version):
                    self._add(name, version, entry=entry)

    def add_registry(self, name: str, tags: Iterable[str]) -> None:
        """Take in the tags of a chart's repository, in which ``_`` stands for ``+``."""
        for tag in tags:
            version = tag.replace("_", "+", 1)
            if versions.is_strict(version) or version in self._charts.get(name, {}):
                self._add(name, version, in_registry=True)

    def drop(self, versions: Iterable[Known]) -> None:
        """Forget some versions."""
        for known in list(versions):
            left = self._charts.get(known.name, {})
            left.pop(known.version, None)
            if not left:
                self._charts.pop(known.name, None)

    def _add(self, name: str, version: str, **witness: Any) -> None:
        known = self._charts.setdefault(name, {})
        before = known.get(version)
        known[version] = replace(before, **witness) if before else Known(name, version, **witness)


def development_versions(template: str) -> re.Pattern[str]:
    """Return what matches each version that the setting ``dev_version`` can make."""
    parts = {"version": r"[0-9A-Za-z.-]+", "count": "[0-9]+", "sha": "[0-9a-f]{7}"}
    pieces = re.split(r"\{(version|count|sha)\}", template)
    texts, names = pieces[::2], [*pieces[1::2], ""]
    pairs = zip(texts, names, strict=True)
    return re.compile("".join(re.escape(text) + parts.get(name, "") for text, name in pairs))


def _named(refs: Iterable[Ref], form: str, charts: set[str]) -> Iterator[tuple[str, str, Ref]]:
    for ref in refs:
        readings = list(_readings(ref.name, form))
        # A name may hold a version: where the form leaves it open, the charts that we know decide.
        known = [each for each in readings if each[0] in charts]
        for name, version in (known or readings)[:1]:
            yield name, version, ref


def _readings(ref: str, form: str) -> Iterator[tuple[str, str]]:
    """Yield each chart and version that a ref of this form may stand for."""
    is_name_first, start, between, end = _pieces(form)
    if not (ref.startswith(start) and ref.endswith(end)):
        return
    middle = ref[len(start) : len(ref) - len(end)]
    at = middle.find(between, 1)
    while 0 < at < len(middle) - len(between):
        left, right = middle[:at], middle[at + len(between) :]
        name, version = (left, right) if is_name_first else (right, left)
        if versions.is_strict(version) and is_name(name):
            yield name, version
        at = middle.find(between, at + 1)


@cache
def _pieces(form: str) -> tuple[bool, str, str, str]:
    """Return whether the name comes first, and what stands before, between and behind the two."""
    start, between, end = re.split(r"\{(?:name|version)\}", form)
    return form.index("{name}") < form.index("{version}"), start, between, end


def _is_loose(version: str) -> bool:
    try:
        versions.parse_loose(version)
    except InvalidError:
        return False
    return True
