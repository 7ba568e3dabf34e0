"""Which charts changed since they were last released, or since a commit.

`comparison.py` looks at each; here is what is asked, and how what only follows renders.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.changes.comparison import Comparison, cut_off
from kargo_release.charts.changes.pairs import Pair, rendered_pairs
from kargo_release.charts.changes.releases import Releases
from kargo_release.charts.changes.trees import ChartTrees
from kargo_release.charts.project import Project
from kargo_release.errors import InvalidError, hint
from kargo_release.git.repository import Commit, short

_NO_COMMIT = frozenset("0")  # all zeros: what a push of a new branch has for the old head


@dataclass(frozen=True)
class Changes:
    """Every chart, by name; and the commit that was looked at."""

    commit: Commit
    charts: tuple[ChartChange, ...]


@dataclass(frozen=True)
class Compared(Changes):
    """The same before anything is rendered, and the archives of the charts that differ, by name."""

    pairs: Mapping[str, Pair]

    @property
    def dependents(self) -> dict[str, Pair]:
        """The charts that may render otherwise, though they did not change themselves."""
        names = [each.name for each in self.charts if each.kind is Kind.DEPENDENT]
        return {name: self.pairs[name] for name in names if not self.pairs[name].is_library}


def changed_charts(project: Project, since: str | None, waits: Callable[[str], None]) -> Changes:
    """Return what became of every chart that HEAD has, and of those that are gone.

    Args:
        project: Where charts are.
        since: Compare with this commit; None for each chart's last release.
        waits: Told what is being done.

    Raises:
        InvalidError: There is no such commit, or the clone's history is cut off before it.
    """
    found = compared_charts(project, since, waits)
    shown = {name: each.render for name, each in rendered_pairs(project, found.dependents).items()}
    charts = tuple(replace(each, render=shown.get(each.name)) for each in found.charts)
    return Changes(found.commit, charts)


def compared_charts(
    project: Project, since: str | None, waits: Callable[[str], None], only: Collection[str] = ()
) -> Compared:
    """Return what became of charts, and their archives where these differ, without rendering.

    Args:
        project: Where charts are.
        since: Compare with this commit; None for each chart's last release.
        waits: Told what is being done.
        only: The charts that are asked for; none for all.

    Raises:
        InvalidError: There is no such commit or chart, or the clone's history is cut off before it.
    """
    repository, folder = project.repository, project.settings.charts
    head = repository.commit()
    base = _base(project, since) if since is not None else None
    trees = ChartTrees(repository, head.sha, folder)
    if not trees.is_there:
        raise InvalidError(
            f"there is no folder {folder}/ at {short(head.sha)}",
            "Commit it, or set `charts` to the one that there is.",
        )
    releases = Releases(repository, project.settings.git.tag, trees.names)
    looking = Comparison(project, head, trees, releases)
    found = {each.name: each for each in looking.of_all(base, waits, only)}
    for name in only:
        if name not in found:
            raise InvalidError(f"there is no chart {name!r:.100} in {folder}/", hint(name, found))
    charts = tuple(each for name, each in found.items() if not only or name in only)
    return Compared(head, charts, looking.pairs)


def _base(project: Project, since: str) -> Commit:
    repository = project.repository
    if set(since) == _NO_COMMIT:
        raise InvalidError(
            "a commit of zeros is what GitHub gives for a new branch: there is nothing before it",
            "Leave out --since: each chart is then compared with its last release.",
        )
    try:
        return repository.commit(since)
    except InvalidError as error:
        if repository.is_shallow:
            raise cut_off(f"has no commit {since!r:.100}") from None
        raise InvalidError(
            error.message,
            f"{error.remedy} After a forced push the old head is gone: leave out --since.",
        ) from None
