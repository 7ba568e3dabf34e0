"""What became of a chart since it was last released, or since a commit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kargo_release.charts.changes.releases import LastRelease
from kargo_release.charts.packed import PackedFile, subchart_entry
from kargo_release.errors import KargoError


class Kind(StrEnum):
    """What became of a chart; the words of the document."""

    NEW = "new"
    CHANGED = "changed"
    FOLLOWS = "follows"  # only what it packs of other charts changed
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
        render: For what follows only: whether that shows.
        origin: Of a renamed chart, what it was called.
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
    error: KargoError | None = None

    @property
    def is_due(self) -> bool:
        """Whether a release of it would differ from the last one in what somebody gets."""
        follows = self.kind is Kind.FOLLOWS and self.render is not Render.SAME
        return follows or self.kind in (Kind.NEW, Kind.CHANGED, Kind.RENAMED)


def differing(before: Iterable[PackedFile], after: Iterable[PackedFile]) -> tuple[FileChange, ...]:
    """Return what differs between the files of two packed charts, sorted."""
    old = {file.path: file.data for file in before}
    new = {file.path: file.data for file in after}
    return tuple(sorted(_changes(old, new)))


def _changes(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[FileChange]:
    for path in old.keys() | new.keys():
        if old.get(path) != new.get(path):
            how = "added" if path not in old else "removed" if path not in new else "modified"
            chart = subchart_entry(path) or ""
            yield FileChange(chart, path.removeprefix(f"charts/{chart}/"), how)
