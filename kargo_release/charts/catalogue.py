"""From names to archives: the charts of a commit or of the working tree, packed."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kargo_release.charts import packing
from kargo_release.charts.archive import ChartArchive, archive_time
from kargo_release.charts.dependencies import ResolvedChart, resolve
from kargo_release.charts.project import Project
from kargo_release.charts.sources import ChartSource, Sources
from kargo_release.errors import InvalidError, KargoError
from kargo_release.git.tree import Tree

if TYPE_CHECKING:
    from kargo_release.git.remote import Remote

Result = TypeVar("Result")


@dataclass(frozen=True)
class Packed:
    """What became of packing some charts: archives, and errors by name."""

    archives: Mapping[str, ChartArchive]
    charts: Mapping[str, ResolvedChart]
    errors: Mapping[str, KargoError]

    def and_those(self, others: "Packed") -> "Packed":
        """Return these and others, whose archives are in the place of errors here."""
        errors = {name: e for name, e in self.errors.items() if name not in others.archives}
        return Packed(
            {**self.archives, **others.archives}, {**self.charts, **others.charts}, errors
        )

    def raise_first(self) -> None:
        """Raise the first error, if there is any."""
        for error in self.errors.values():
            raise error


def pack_charts(
    project: Project,
    tree: Tree,
    names: Sequence[str] | None,
    version: Callable[[ChartSource], str] | None = None,
) -> Packed:
    """Pack charts of one tree.

    Args:
        project: Says where charts are.
        tree: Of a commit, or of the working tree.
        names: The charts; None for all.
        version: Gives the version to pack each one as; None leaves their own.

    Raises:
        InvalidError: SOURCE_DATE_EPOCH is wrong.
    """
    sources = Sources(tree, project.settings.charts, names)
    time = archive_time(project.environ)
    wanted = sources.names if names is None else list(dict.fromkeys(names))
    charts, errors = _attempt(wanted, lambda name: resolve(sources.named(name), sources))
    try:
        blobs = sources.contents([each for c in charts.values() for each in c.every_source()])
    except InvalidError:
        blobs = None  # one chart's fault: find out whose, and pack the others

    def pack(name: str) -> ChartArchive:
        chart = charts[name]
        held = sources.contents(list(chart.every_source())) if blobs is None else blobs
        return packing.pack(chart, held, time, version and version(chart.source))

    archives, more = _attempt(list(charts), pack)
    return Packed(archives, charts, {**errors, **more})


def _attempt(
    names: Sequence[str], work: Callable[[str], Result]
) -> tuple[dict[str, Result], dict[str, KargoError]]:
    """Return what ``work`` makes of each name, and the errors of those that it can't serve."""
    results: dict[str, Result] = {}
    errors: dict[str, KargoError] = {}
    for name in names:
        try:
            results[name] = work(name)
        except KargoError as error:
            errors[name] = error
    return results, errors


class History:
    """What charts held at other commits: told by packing them there, once for each."""

    def __init__(self, project: Project, remote: "Remote | None") -> None:
        self._project = project
        self._remote = remote
        self._known: dict[tuple[str, str], str | None] = {}

    def content_at(self, commit: str, name: str) -> str | None:
        """Return the content digest of a chart at a commit; None where it can't be packed."""
        if (commit, name) not in self._known:
            self._known[commit, name] = self._content_at(commit, name)
        return self._known[commit, name]

    def _content_at(self, commit: str, name: str) -> str | None:
        repository = self._project.repository
        if self._remote is not None and not repository.has(commit):
            self._remote.fetch([commit])
        packed = pack_charts(self._project, repository.tree(repository.commit(commit)), [name])
        return packed.archives[name].content_digest if name in packed.archives else None


def check_regular(root: Path, charts: Sequence[ResolvedChart]) -> None:
    """Refuse devices, pipes and sockets, which Git passes over in silence and Helm refuses.

    Raises:
        InvalidError: There is one among the files that Helm would pack.
    """
    for source in {each.folder: each for chart in charts for each in chart.every_source()}.values():
        irregular = source.rules.kept(_irregular(root / source.folder))
        if irregular:
            raise InvalidError(
                f"{source.folder}/{irregular[0]} is a device, a pipe or a socket",
                "Remove it, or name it in .helmignore.",
            )


def _irregular(folder: Path) -> Iterator[str]:
    for parent, _, files in os.walk(folder):
        for name in files:
            mode = os.lstat(f"{parent}/{name}").st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                yield Path(parent, name).relative_to(folder).as_posix()
