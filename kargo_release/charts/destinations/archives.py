"""What the two destinations that hold archives have in common."""

from hashlib import sha256
from typing import Protocol

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.likeness import are_alike
from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.plan import Destination, Row, State


class ArchiveDestination(Destination[ChartRelease], Protocol):
    """A destination from which the archive that is out can be had again."""

    def check_writable(self) -> None:
        """Make sure that it can be written to safely, before anything is written anywhere.

        Raises:
            RefusedError: It can't.
        """
        ...

    def fetch(self, release: ChartRelease) -> bytes:
        """Return the bytes of the archive that is out."""
        ...


def compare(release: ChartRelease, tgz: bytes, place: str) -> State:
    """Return whether ``tgz``, which is out at ``place``, holds the release's content."""
    try:
        theirs = ChartArchive.read(tgz, place)
        same = are_alike(release.archive, theirs)
    except InvalidError:
        same = False  # what is no readable chart differs from ours, whatever it is
    return State.SAME if same else State.DIFFERENT


def adopt(row: Row[ChartRelease], source: ArchiveDestination) -> ChartArchive:
    """Return the archive that is out at ``source``, for the destinations that lack it.

    Raises:
        RefusedError: What is out is not what the destination says it is.
        FailedError: Other bytes came than those that were looked at; or the same as above of a
            development version, which somebody may have replaced.
    """
    tgz = source.fetch(row.desired)
    if compare(row.desired, tgz, row.found[source.name].reference) is State.DIFFERENT:
        raise _other_than_found(row, source, tgz)
    ours = row.desired.archive
    return ChartArchive(ours.name, ours.version, ours.files, tgz)


def _other_than_found(
    row: Row[ChartRelease], source: ArchiveDestination, tgz: bytes
) -> FailedError | RefusedError:
    found = row.found[source.name]
    if sha256(tgz).hexdigest() != found.sha256:
        return FailedError(
            f"{found.reference} came with other bytes than a moment ago",
            "Check what lies before it, and who writes there; then run it again.",
        )
    if row.desired.is_dev:
        return FailedError(
            f"{found.reference} was written by somebody else meanwhile",
            "Run it again: it compares with what is there now.",
        )
    return RefusedError(
        f"{found.reference} holds another archive than it says",
        "Look who wrote there; release the chart under a new version.",
    )
