"""Refuses what is out with other content, and says in what it differs."""

from collections.abc import Mapping, Sequence

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.destinations.archives import ArchiveDestination
from kargo_release.charts.likeness import differences
from kargo_release.errors import KargoError, RefusedError, few
from kargo_release.git.repository import short
from kargo_release.plan import Found, Row, State

_SHOWN = 3  # paths that a message names


def refuse_difference(
    row: Row[ChartRelease], archives: Sequence[ArchiveDestination]
) -> Row[ChartRelease]:
    """Return the row, stopped if a destination holds other content.

    Args:
        row: As the destinations answered.
        archives: Those from which the other content can be had, to be told apart from ours.
    """
    different = {name: it for name, it in row.found.items() if it.state is State.DIFFERENT}
    if row.error is not None or not different:
        return row
    if list(different) == ["claim"]:
        return row.stopped(_begun_with_other_content(row))
    return row.stopped(_out_with_other_content(row, different, archives))


def _begun_with_other_content(row: Row[ChartRelease]) -> RefusedError:
    claim = row.found["claim"]
    command = f"release-chart {row.desired.name} --ref {short(claim.digest)}"
    return RefusedError(
        f"{row.desired.title} was begun with other content: {claim.reference} ({claim.note})",
        f"Finish that ({command}), drop it (the same with --abandon), or take a new version.",
    )


def _out_with_other_content(
    row: Row[ChartRelease],
    different: Mapping[str, Found],
    archives: Sequence[ArchiveDestination],
) -> RefusedError:
    name, *others = (name for name in different if name != "claim")
    found, too = different[name], f"; the same for {' and '.join(others)}" if others else ""
    note = f" ({found.note})" if found.note else ""
    paths = next((told for each in archives if (told := _unlike(row, each, different))), "")
    return RefusedError(
        f"{row.desired.title} is out with other content: {found.reference}{note}{paths}{too}",
        f"What is out never changes: give {row.desired.name} a new version in its Chart.yaml."
        + _other_way(row),
    )


def _unlike(
    row: Row[ChartRelease], destination: ArchiveDestination, different: Mapping[str, Found]
) -> str:
    """Return in what the destination's archive differs; empty where that can't be told."""
    if destination.name not in different:
        return ""
    try:
        tgz = destination.fetch(row.desired)
        theirs = ChartArchive.read(tgz, different[destination.name].reference)
    except KargoError:
        return ""  # the refusal is what must be told
    paths = differences(row.desired.archive, theirs)
    return f"; it differs in {few(paths, _SHOWN)}" if paths else ""


def _other_way(row: Row[ChartRelease]) -> str:
    """Return what else may be done; a tag says that it was released, and who has it keeps it."""
    tag = row.found.get("tag")
    if tag is None or tag.state is State.ABSENT:
        return " If that is no release of yours, remove it there and run this again."
    if tag.state is State.SAME:
        return f" The tag {tag.reference} has this content: find out who wrote there after it."
    return ""
