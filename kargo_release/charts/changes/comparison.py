"""What became of each chart: most are told by Git's trees to be as they were, others are packed.

What counts is what a release would hold.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from kargo_release.charts.catalogue import Packed
from kargo_release.charts.changes.change import ChartChange, Kind, differing
from kargo_release.charts.changes.pairs import Pair
from kargo_release.charts.changes.past import elsewhere, folder_at, packed_at
from kargo_release.charts.changes.releases import LastRelease, Releases
from kargo_release.charts.changes.renames import renames
from kargo_release.charts.changes.trees import ChartTrees
from kargo_release.charts.desired import counted
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import InvalidError
from kargo_release.git import objects
from kargo_release.git.repository import Commit, short


class Comparison:
    """What the charts of HEAD are beside what they were.

    Args:
        project: Where charts are.
        head: The commit that is looked at.
        trees: Its charts.
        releases: What was released.

    Attributes:
        pairs: The archives of charts that differ, by name.
    """

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
        """Return every chart; what is not in ``only`` is not looked into, unless that is empty.

        Args:
            base: Compare with this commit; None for each chart's last release.
            waits: Told what is being done.
            only: Names.

        Raises:
            InvalidError: The clone's history is cut off before what charts are compared with.
        """
        found = self._present(base, waits, only)
        gone = self._gone(base, found)
        named = renames(self._project.repository, self._folder, self._head.sha, found, gone)
        kept = [each for each in gone if each.name not in named.values()]
        return [*(_renamed(each, named.get(each.name)) for each in found.values()), *kept]

    def _present(
        self, base: Commit | None, waits: Callable[[str], None], only: Collection[str]
    ) -> dict[str, ChartChange]:
        """Return the charts that HEAD has."""
        names = self._trees.names
        self._last = {name: self._last_of(name) for name in names}
        before = {name: base.sha if base else _commit(self._last[name]) for name in names}
        asked = [name for name in names if not only or name in only]
        new = [name for name in asked if not before[name]]
        if new and not base and self._project.repository.is_shallow:
            raise cut_off(f"has no tag of a release of {new[0]}")
        known = self._by_time({name: before[name] for name in asked if before[name]})
        touched = self._trees.touched(known)
        if touched:
            waits(f"comparing {counted(len(touched))} with earlier commits")
        found = {name: self._row(name, before[name], Kind.UNCHANGED) for name in names}
        found |= self._compared(sorted({*touched, *new}), known)
        found |= {name: self._misled(name) for name in asked if name not in {*known, *new}}
        return found | self._broken(only)

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


def cut_off(what: str) -> InvalidError:
    """Return the error for a shallow clone in which something can't be told."""
    return InvalidError(
        f"the history of this clone is cut off, and {what}",
        "`git fetch --unshallow --tags` brings it; of actions/checkout, `fetch-depth: 0`.",
    )
