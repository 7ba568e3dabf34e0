"""Finds the commit of a version that is out and has no tag: the newest that packs to the same."""

from collections.abc import Iterator
from itertools import islice

from kargo_release import yamlfile
from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.inventory.contents import PackedAt
from kargo_release.charts.likeness import are_alike
from kargo_release.charts.project import Project
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import InvalidError, KargoError
from kargo_release.git import objects
from kargo_release.git.history import commits_touching
from kargo_release.git.repository import Commit

_MOST_LOOKED_AT = 5000  # commits whose Chart.yaml is read for one chart
_MOST_PACKED = 40  # commits for one version


class Origins:
    """The history that leads to HEAD, searched for versions.

    Args:
        project: Where charts are.
        head: Where the history ends.
    """

    def __init__(self, project: Project, head: Commit) -> None:
        self._project = project
        self._head = head
        self._versions: dict[tuple[str, str], dict[str, list[str]]] = {}

    def find(self, archive: ChartArchive) -> str:
        """Return the newest commit whose chart is alike; empty when none is found."""
        for commit in islice(self._candidates(archive), _MOST_PACKED):
            try:
                packed = PackedAt(self._project, commit, [archive.name]).archive(archive.name)
                if are_alike(packed, archive):
                    return commit
            except KargoError:
                continue
        return ""

    def _candidates(self, archive: ChartArchive) -> Iterator[str]:
        """Yield the commits that changed the chart, then those that changed what it may need."""
        charts = self._project.settings.charts
        for folder in (f"{charts}/{archive.name}", charts):
            yield from self._by_version(archive.name, folder).get(archive.version, ())

    def _by_version(self, name: str, folder: str) -> dict[str, list[str]]:
        """Return the commits that changed a folder, by the chart's version there."""
        if (name, folder) not in self._versions:
            commits = commits_touching(self._project.repository, self._head, folder)
            self._versions[name, folder] = self._read(name, commits[:_MOST_LOOKED_AT])
        return self._versions[name, folder]

    def _read(self, name: str, commits: list[str]) -> dict[str, list[str]]:
        path = f"{self._project.settings.charts}/{name}/{CHART_FILE}"
        found = objects.read(self._project.repository, (f"{commit}:{path}" for commit in commits))
        versions: dict[str, str] = {}
        grouped: dict[str, list[str]] = {}
        for where, held in found.items():
            if held.oid not in versions:
                versions[held.oid] = _version(held.data, where)
            grouped.setdefault(versions[held.oid], []).append(where.partition(":")[0])
        return grouped


def _version(data: bytes, where: str) -> str:
    try:
        return str(yamlfile.read_mapping(data, where).get("version"))
    except InvalidError:
        return ""
