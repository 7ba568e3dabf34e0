"""Which charts changed since they were last released, or since a commit.

First Git's trees are compared, which tells most charts to be as they were. The rest is packed as
it was and as it is: what counts is what a release would hold.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from kargo_release.charts.catalogue import Packed
from kargo_release.charts.changes.change import ChartChange, Kind, differing
from kargo_release.charts.changes.pairs import Pair, rendered_pairs
from kargo_release.charts.changes.past import elsewhere, folder_at, packed_at
from kargo_release.charts.changes.releases import LastRelease, Releases
from kargo_release.charts.changes.renames import renames
from kargo_release.charts.changes.trees import ChartTrees
from kargo_release.charts.desired import counted
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import InvalidError, hint
from kargo_release.git import objects
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
    looking = _Comparison(project, head, trees, releases)
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


def cut_off(what: str) -> InvalidError:
    """Return the error for a shallow clone in which something can't be told."""
    return InvalidError(
        f"the history of this clone is cut off, and {what}",
        "`git fetch --unshallow --tags` brings it; of actions/checkout, `fetch-depth: 0`.",
    )


class _Comparison:
    """What the charts of HEAD are beside what they were."""

    def __init__(
        self, project: Project, head: Commit, trees: ChartTrees, releases: Releases
    ) -> None:
        self._project = project
        self._head = head
        self._trees = trees
        self._releases = releases
        self._last: dict[str, LastRelease | None] = {}
        self.pairs: dict[str, Pair] = {}

    def of_all(
        self, base: Commit | None, waits: Callable[[str], None], only: Collection[str]
    ) -> list[ChartChange]:
        """Return every chart; what is not in ``only`` is not looked into, unless that is empty."""
        names = self._trees.names
        self._last = {name: self._last_of(name) for name in names}
        before = {name: base.sha if base else _commit(self._last[name]) for name in names}
        asked = [name for name in names if not only or name in only]
        if not base and not all(map(before.get, asked)) and self._project.repository.is_shallow:
            name = next(each for each in asked if not before[each])
            raise cut_off(f"has no tag of a release of {name}")
        known = self._by_time({name: before[name] for name in asked if before[name]})
        touched = self._trees.touched(known)
        found = {name: self._row(name, before[name], Kind.UNCHANGED) for name in names}
        found.update((name, self._row(name, "", Kind.NEW)) for name in names if not before[name])
        if touched:
            waits(f"comparing {counted(len(touched))} with earlier commits")
        new = [name for name in asked if not before[name]]
        found.update(self._compared(sorted({*touched, *new}), known))
        found.update((name, self._misled(name)) for name in asked if name not in {*known, *new})
        found.update(self._broken(only))
        gone = self._gone(base, found)
        named = renames(self._project.repository, self._folder, self._head.sha, found, gone)
        kept = [each for each in gone if each.name not in named.values()]
        return [*(_renamed(each, named.get(each.name)) for each in found.values()), *kept]

    def _last_of(self, name: str) -> LastRelease | None:
        return self._releases.last(name, self._trees.version(name))

    def _row(self, name: str, base: str, kind: Kind) -> ChartChange:
        return ChartChange(name, kind, self._trees.version(name), self._last[name], base)

    def _by_time(self, commits: Mapping[str, str]) -> dict[str, str]:
        """Return what charts are compared with, the oldest first; without what is no commit.

        Raises:
            InvalidError: The clone lacks one of the commits.
        """
        times = objects.commit_times(self._project.repository, commits.values())
        lacking = set(commits.values()) - times.keys()
        if lacking:
            commit = short(min(lacking))
            raise cut_off(f"lacks commit {commit}, which a chart was released from")
        real = ((name, commit) for name, commit in commits.items() if times[commit] >= 0)
        return dict(sorted(real, key=lambda each: (times[each[1]], each[1])))

    def _misled(self, name: str) -> ChartChange:
        """Return a chart whose release's tag stands for something else than a commit."""
        row = self._row(name, "", Kind.FAILED)
        tag = row.last.tag if row.last else ""
        return replace(
            row,
            error=InvalidError(
                f"the tag {tag} stands for no commit",
                f"Remove it (`git tag -d {tag}`, and from the remote), or let it name a commit.",
            ),
        )

    def _compared(self, names: Sequence[str], before: Mapping[str, str]) -> dict[str, ChartChange]:
        """Return the charts by what packing them as they were and as they are tells."""
        if not names:
            return {}
        now = packed_at(self._project, self._head.sha, names)
        found = {name: self._new(name, now) for name in names if name not in before}
        known = [name for name in names if name in before]
        for commit in dict.fromkeys(before[name] for name in known):
            here = [name for name in known if before[name] == commit]
            then = packed_at(self._project, commit, here)
            for name in here:
                found[name] = self._beside(name, commit, then, now)
                if found[name].kind not in (Kind.FAILED, Kind.UNCHANGED):
                    self.pairs[name] = Pair.of(name, now, then)
        return found

    def _broken(self, only: Collection[str]) -> dict[str, ChartChange]:
        """Return what is left of charts whose Chart.yaml was lost."""
        names = [name for name in self._trees.others if not only or name in only]
        if not names:
            return {}
        tree = self._project.repository.tree(self._head)
        left = {*Sources(tree, self._folder, names).names} & {*names}
        errors = packed_at(self._project, self._head.sha, sorted(left)).errors
        self._last |= {name: self._releases.last(name) for name in left}
        return {
            name: replace(self._row(name, "", Kind.FAILED), error=error)
            for name, error in errors.items()
        }

    def _new(self, name: str, now: Packed) -> ChartChange:
        error = now.errors.get(name)
        kind = Kind.FAILED if error else Kind.NEW
        return replace(self._row(name, "", kind), error=error)

    def _beside(self, name: str, commit: str, then: Packed, now: Packed) -> ChartChange:
        row = self._row(name, commit, Kind.CHANGED)
        if name in now.errors:
            return replace(row, kind=Kind.FAILED, error=now.errors[name])
        if name in then.errors:  # it was not there, or could not be released
            was_there = folder_at(self._project, commit, name)
            return replace(row, kind=Kind.CHANGED if was_there else Kind.NEW)
        others = {
            each.name for packed in (then, now) for each in packed.charts[name].every_source()
        }
        files = differing(then.archives[name].files, now.archives[name].files, others)
        if not files:
            return replace(row, kind=Kind.UNCHANGED)
        kind = Kind.CHANGED if any(not each.chart for each in files) else Kind.DEPENDENT
        return replace(row, kind=kind, files=files)

    def _gone(self, base: Commit | None, found: Mapping[str, ChartChange]) -> list[ChartChange]:
        """Return the charts that were there, and are not."""
        if base is None:
            names = self._releases.names - found.keys()
        else:
            names = {*ChartTrees(self._project.repository, base.sha, self._folder).names}
            names -= found.keys()
        rows = [(name, self._releases.last(name)) for name in sorted(names)]
        # A tag of the same form may be of something else than a chart.
        rows = [(n, e) for n, e in rows if base or folder_at(self._project, _commit(e), n)]
        return [
            ChartChange(
                name,
                Kind.DELETED,
                last=last,
                base=base.sha if base else _commit(last),
                place=elsewhere(self._project, self._head.sha, name),
            )
            for name, last in rows
        ]

    @property
    def _folder(self) -> str:
        return self._project.settings.charts


def _commit(release: LastRelease | None) -> str:
    return release.commit if release else ""


def _renamed(chart: ChartChange, origin: str | None) -> ChartChange:
    return replace(chart, kind=Kind.RENAMED, origin=origin) if origin else chart
