"""Charts as a commit of the past held them, packed as a release of it would have."""

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from kargo_release.charts.catalogue import Packed, pack_charts
from kargo_release.charts.project import Project
from kargo_release.charts.sources import CHART_FILE
from kargo_release.git import objects
from kargo_release.git.repository import Commit, Repository


def packed_at(project: Project, commit: str, names: Sequence[str]) -> Packed:
    """Return charts of a commit, each as a release of it would pack it, wherever it then was.

    Args:
        project: Where the charts are now.
        commit: The commit.
        names: The charts.
    """
    tree = project.repository.tree(Commit(commit, 0))
    packed = pack_charts(project, tree, names)
    moved = {name: elsewhere(project, commit, name) for name in packed.errors}
    for folder in dict.fromkeys(filter(None, moved.values())):
        settings = replace(project.settings, charts=folder)
        here = [name for name, place in moved.items() if place == folder]
        packed = packed.and_those(pack_charts(replace(project, settings=settings), tree, here))
    return packed


def elsewhere(project: Project, commit: str, name: str) -> str:
    """Return the folder in which a commit has a chart that is not where charts are; or empty."""
    charts = _charts(project.repository, commit)
    found = [posixpath.dirname(each) for each in charts if posixpath.basename(each) == name]
    # What lies in another chart is that one's copy of it.
    found = [each for each in found if each and not charts.intersection(_around(each))]
    return found[0] if len(found) == 1 and found[0] != project.settings.charts else ""


def folder_at(project: Project, commit: str, name: str) -> str:
    """Return the folder of a chart at a commit; empty where it was not there."""
    folder = f"{project.settings.charts}/{name}"
    if objects.resolve(project.repository, [f"{commit}:{folder}/{CHART_FILE}"]):
        return folder
    place = elsewhere(project, commit, name)
    return f"{place}/{name}" if place else ""


@lru_cache(maxsize=8)
def _charts(repository: Repository, commit: str) -> frozenset[str]:
    """Return the folders of all charts of a commit, wherever they lie."""
    listing = repository.run(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit])
    paths = (path.decode(errors="surrogateescape") for path in listing.split(b"\0"))
    return frozenset(
        posixpath.dirname(path) for path in paths if posixpath.basename(path) == CHART_FILE
    )


def _around(folder: str) -> list[str]:
    """Return a folder, and those that it lies in."""
    parts = folder.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
