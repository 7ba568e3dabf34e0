"""Works out which charts to bump, and to what: dependencies before those that pack them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from kargo_release.bump import Part, check_forward, raised
from kargo_release.charts.bump.bumps import Bump, RangeChange, Wish
from kargo_release.charts.bump.proposal import Past, propose
from kargo_release.charts.bump.ranges import adjusted
from kargo_release.charts.changes.change import Kind
from kargo_release.charts.changes.changed import Compared, compared_charts
from kargo_release.charts.changes.comparison import cut_off
from kargo_release.charts.changes.due import refuse_unreadable
from kargo_release.charts.changes.pairs import RenderedPair, rendered_pairs
from kargo_release.charts.changes.past import folder_at
from kargo_release.charts.dependencies import ResolvedChart, resolve
from kargo_release.charts.desired import counted
from kargo_release.charts.destinations.tags import tag_of
from kargo_release.charts.packed import LOCK_FILE
from kargo_release.charts.project import Project
from kargo_release.charts.sources import ChartSource, Sources
from kargo_release.errors import InvalidError, RefusedError
from kargo_release.git.history import messages_touching

_SELF = (Kind.CHANGED, Kind.RENAMED)


@dataclass(frozen=True)
class BumpPlan:
    """What a bump changes, and the charts that could not be looked at."""

    bumps: Sequence[Bump]
    passed_over: Sequence[str]


def plan_bumps(project: Project, wish: Wish, waits: Callable[[str], None]) -> BumpPlan:
    """Return what a bump changes in charts, as HEAD holds them; also those that stay as they are.

    Args:
        project: Where the charts are.
        wish: What is asked for.
        waits: Told what is being done.

    Raises:
        InvalidError: A chart is unknown, or can't be read or packed.
        RefusedError: A version would go backwards, or is released already.
    """
    compared = compared_charts(project, None, waits)
    sources = Sources(project.repository.tree(compared.commit), project.settings.charts)
    charts = {name: resolve(sources.named(name), sources) for name in wish.names}
    others = {name: _readable(name, sources) for name in sources.names if name not in charts}
    charts |= {name: each for name, each in others.items() if each is not None}
    bumps = _Planner(project, wish, compared, charts, waits).bumps()
    return BumpPlan(tuple(bumps), [name for name, each in others.items() if each is None])


def _readable(name: str, sources: Sources) -> ResolvedChart | None:
    try:
        return resolve(sources.named(name), sources)
    except InvalidError:
        return None


class _Planner:
    """Goes through the charts, those that others pack first."""

    def __init__(
        self,
        project: Project,
        wish: Wish,
        compared: Compared,
        charts: Mapping[str, ResolvedChart],
        waits: Callable[[str], None],
    ) -> None:
        self._project = project
        self._wish = wish
        self._compared = compared
        self._changes = {each.name: each for each in compared.charts}
        self._charts = charts
        # Those that they pack, too, wherever they lie: their ranges count as well.
        every = {one.source.folder: one for chart in charts.values() for one in chart.every_chart()}
        self._order = sorted(every.values(), key=lambda chart: (chart.depth, chart.source.folder))
        self._waits = waits
        self._new: dict[str, str] = {}
        self._tags = project.repository.local_tags()

    @cached_property
    def _named(self) -> set[str]:
        """The charts that are asked for."""
        if self._wish.names:
            return set(self._wish.names)
        refuse_unreadable(self._changes.values())
        return {each.name for each in self._changes.values() if each.kind in _SELF}

    @cached_property
    def _dependents(self) -> set[str]:
        """With ``cascade``, what changed of the charts that pack those."""
        if not self._wish.cascade:
            return set()
        return {
            name
            for name, chart in self._charts.items()
            if self._changes[name].is_due and chart.packs_any(self._named)
        }

    @cached_property
    def _rendered(self) -> dict[str, RenderedPair]:
        """What Helm renders of the charts on which something depends."""
        is_given = bool(self._wish.to) or self._wish.part is not None
        names = self._dependents | (set() if is_given else self._named)
        pairs = {name: self._compared.pairs[name] for name in names & self._compared.pairs.keys()}
        pairs = {name: each for name, each in pairs.items() if each.before and not each.is_library}
        if pairs:
            self._waits(f"rendering {counted(len(pairs))} as released and as they are")
        return rendered_pairs(self._project, pairs)

    @cached_property
    def _wanted(self) -> set[str]:
        """The charts to bump: of the dependents those that render otherwise."""
        shown = {name: each.render for name, each in self._rendered.items()}
        found = (replace(self._changes[name], render=shown.get(name)) for name in self._dependents)
        return self._named | {each.name for each in found if each.is_due}

    def bumps(self) -> Iterator[Bump]:
        """Yield what changes, and what was asked for and does not."""
        for chart in self._order:
            bump = self._beside_others(chart)
            is_wanted = bump.name in self._wanted or (self._wish.cascade and bool(bump.ranges))
            is_wanted = is_wanted and self._is_own(chart.source)
            if is_wanted:
                bump = self._with_version(bump, chart.source)
            if is_wanted or bump.is_change or bump.has_stale_lock:
                yield bump

    def _is_own(self, source: ChartSource) -> bool:
        """Whether it is one of the repository's charts, and no library elsewhere of that name."""
        own = self._charts.get(source.name)
        return own is not None and own.source.folder == source.folder

    def _beside_others(self, chart: ResolvedChart) -> Bump:
        """Return what the new versions of other charts change in a chart."""
        source, version = chart.source, chart.source.metadata.version
        ranges, is_stale = tuple(self._ranges(chart)), self._has_stale_lock(chart)
        return Bump(
            source.name, source.folder, version, version, ranges=ranges, has_stale_lock=is_stale
        )

    def _with_version(self, bump: Bump, source: ChartSource) -> Bump:
        """Return what becomes of a chart that is to be bumped."""
        new, reasons = self._target(source, bump.ranges)
        app_version = self._app_version(source)
        bump = replace(bump, new=new, reasons=reasons, app_version=app_version)
        if bump.is_raised:
            self._check(bump)
            self._new[bump.folder] = new
        return bump

    def _target(
        self, source: ChartSource, ranges: Sequence[RangeChange]
    ) -> tuple[str, tuple[str, ...]]:
        old = source.metadata.version
        if source.name in self._named and self._wish.to:
            self._check_same(source.name, old)
            return self._wish.to, ("is that already" if self._wish.to == old else "asked for",)
        if source.name in self._named and self._wish.part is not None:
            return raised(old, self._wish.part), (f"{self._wish.part}: asked for",)
        return self._proposed(source, ranges)

    def _proposed(
        self, source: ChartSource, ranges: Sequence[RangeChange]
    ) -> tuple[str, tuple[str, ...]]:
        change, old = self._changes[source.name], source.metadata.version
        past = self._past(source)
        proposal = propose(change, past, set(self._changes)) if past else None
        if proposal is not None:
            return proposal.version, proposal.reasons
        if not change.is_released:
            return old, (f"{old} is not released yet",)
        if change.is_due and past is None:
            return raised(old, Part.PATCH), ("patch: what was released can't be packed any more",)
        if ranges or self._app_version(source):
            why = "a dependency's range changes" if ranges else "appVersion changes"
            return raised(old, Part.PATCH), (f"patch: {why}",)
        return old, (f"nothing changed since {old} was released",)

    def _past(self, source: ChartSource) -> Past | None:
        """Return what the chart was and is; None where it did not change, or can't be packed."""
        pair, last = self._compared.pairs.get(source.name), self._changes[source.name].last
        if pair is None or pair.before is None or last is None:
            return None
        if self._project.repository.is_shallow:  # messages would be missed
            raise cut_off(f"may lack commits since {last.tag}")
        folders = {source.folder, folder_at(self._project, last.commit, source.name)} - {""}
        messages = messages_touching(
            self._project.repository, last.commit, self._compared.commit, sorted(folders)
        )
        return Past(pair.before, pair.after, self._rendered.get(source.name), messages)

    def _app_version(self, source: ChartSource) -> str:
        wish = self._wish.app_version if source.name in self._named else ""
        return wish if wish != source.metadata.app_version else ""

    def _check_same(self, name: str, old: str) -> None:
        """Refuse a version that is released with another content, and is the chart's still."""
        change = self._changes[name]
        if self._wish.to == old and change.is_released and change.kind is not Kind.UNCHANGED:
            raise RefusedError(
                f"{name} {old} is released already, and the chart changed since",
                "Name a newer version by --to.",
            )

    def _check(self, bump: Bump) -> None:
        check_forward(bump.name, bump.old, bump.new)
        tag = tag_of(self._project.settings.git.tag, bump.name, bump.new)
        if tag in self._tags:
            raise RefusedError(
                f"{bump.name} {bump.new} is released already: the tag {tag} is there",
                "Name a newer version by --to.",
            )

    def _ranges(self, chart: ResolvedChart) -> Iterator[RangeChange]:
        folders = {each.source.name: each.source.folder for each in chart.dependencies}
        for position, needed in enumerate(chart.source.metadata.dependencies):
            new = self._new.get(folders.get(needed.name, "")) if needed.repository else None
            if new and (range_ := adjusted(needed.version, new)) != needed.version:
                yield RangeChange(position, needed.name, needed.version, range_)

    def _has_stale_lock(self, chart: ResolvedChart) -> bool:
        packed = {each.source.folder for each in chart.dependencies}
        return LOCK_FILE in chart.source.files and bool(packed & self._new.keys())
