"""What became of a chart since it was last released, or since a commit."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kargo_release.charts.changes.releases import LastRelease
from kargo_release.charts.packed import PackedFile, subchart_entry
from kargo_release.errors import KargoError, few

_NAMED = 3  # files that a reason names


class Kind(StrEnum):
    """What became of a chart; the words of the document."""

    NEW = "new"
    CHANGED = "changed"
    DEPENDENT = "dependent"  # only what it packs of other charts changed
    RENAMED = "renamed"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    FAILED = "failed"  # it can't be told


class Render(StrEnum):
    """How the manifests that Helm renders compare, with the chart's own values."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class FileChange:
    """A file of a packed chart that is not what it was.

    Args:
        chart: The packed chart that it is of; empty for the chart's own.
        path: Its path in that chart.
        how: ``added``, ``removed`` or ``modified``.
    """

    chart: str
    path: str
    how: str


@dataclass(frozen=True)
class ChartChange:
    """One chart.

    Args:
        name: Its name.
        kind: What became of it.
        version: What its Chart.yaml says; empty where it is gone.
        last: What it was last released as; None for never.
        base: The commit that it is compared with; empty for none.
        files: What differs, sorted: its own files first.
        render: Of a dependent only: whether that shows.
        origin: Of a renamed chart, what it was called.
        place: Of a deleted chart, the folder that has it now, where charts are not looked for.
        error: Why it can't be told.
    """

    name: str
    kind: Kind
    version: str = ""
    last: LastRelease | None = None
    base: str = ""
    files: tuple[FileChange, ...] = ()
    render: Render | None = None
    origin: str = ""
    place: str = ""
    error: KargoError | None = None

    @property
    def is_due(self) -> bool:
        """Whether a release of it would differ from the last one in what somebody gets."""
        shows = self.kind is Kind.DEPENDENT and self.render is not Render.SAME
        return shows or self.kind in (Kind.NEW, Kind.CHANGED, Kind.RENAMED)

    @property
    def is_released(self) -> bool:
        """Whether the version that its Chart.yaml says is tagged."""
        return self.last is not None and self.last.version == self.version

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is what it is, in words; what it packs of other charts a line for each of them."""
        if self.error:
            return (self.error.message,)
        if self.kind is Kind.RENAMED:
            return (f"was {self.origin}",)
        if self.kind is Kind.DELETED or (self.kind is Kind.NEW and not self.files):
            released = f"last released as {self.last.version}" if self.last else "never released"
            moved = f"lies in {self.place}/ now, where charts are not looked for"
            return (released, moved) if self.place else (released,)
        if self.kind is Kind.CHANGED and not self.files:
            return ("what was released can't be packed any more",)
        return tuple(_reason(chart, files) for chart, files in self._by_chart().items())

    @property
    def why(self) -> str:
        """The same in one line, and how it renders."""
        rendered = (f"{self.render} render",) if self.render else ()
        return "; ".join((*self.reasons, *rendered))

    def _by_chart(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self.files:
            found.setdefault(each.chart, []).append(each.path)
        return found


def _reason(chart: str, paths: Sequence[str]) -> str:
    named = few(paths, _NAMED)
    return f"{chart} changed: {named}" if chart else named


def differing(
    before: Iterable[PackedFile], after: Iterable[PackedFile], others: Container[str]
) -> tuple[FileChange, ...]:
    """Return what differs between the files of two packed charts, sorted.

    Args:
        before: What was packed.
        after: What is.
        others: The charts of this repository that are packed into it; all else is its own.
    """
    old = {file.path: file.data for file in before}
    new = {file.path: file.data for file in after}
    return tuple(sorted(set(_changes(old, new, others))))


def _changes(
    old: Mapping[str, bytes], new: Mapping[str, bytes], others: Container[str]
) -> Iterator[FileChange]:
    for path in old.keys() | new.keys():
        if old.get(path) != new.get(path):
            how = "added" if path not in old else "removed" if path not in new else "modified"
            yield FileChange(*_place(path, others), how)


def _place(path: str, others: Container[str]) -> tuple[str, str]:
    """Return the innermost chart that a path is of, and its path in that."""
    chart, rest = "", path
    while (entry := subchart_entry(rest)) in others and entry is not None:
        chart, rest = entry, rest.removeprefix(f"charts/{entry}/")
    return chart, rest
