"""Works out which charts to bump, and to what: dependencies before those that pack them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from kargo_release.bump import Part, check_forward, raised
from kargo_release.charts.bump.bumps import Bump, RangeChange, Wish
from kargo_release.charts.bump.past import pasts_of
from kargo_release.charts.bump.proposal import Past, propose
from kargo_release.charts.bump.ranges import adjusted
from kargo_release.charts.changes.change import Kind
from kargo_release.charts.changes.changed import Changes, changed_charts
from kargo_release.charts.dependencies import ResolvedChart, resolve
from kargo_release.charts.destinations.tags import tag_of
from kargo_release.charts.packed import LOCK_FILE
from kargo_release.charts.project import Project
from kargo_release.charts.sources import ChartSource, Sources
from kargo_release.errors import InvalidError, RefusedError

_SELF = (Kind.CHANGED, Kind.RENAMED)


def plan_bumps(project: Project, wish: Wish, waits: Callable[[str], None]) -> list[Bump]:
    """Return what a bump changes in charts, as HEAD holds them; also those that stay as they are.

    Args:
        project: Where the charts are.
        wish: What is asked for.
        waits: Told what is being done.

    Raises:
        InvalidError: A chart is unknown, or can't be read or packed.
        RefusedError: A version would go backwards, or is released already.
    """
    changes = changed_charts(project, None, waits)
    sources = Sources(project.repository.tree(changes.commit), project.settings.charts)
    charts = {name: resolve(sources.named(name), sources) for name in wish.names}
    charts = {**_others(sources), **charts}
    planner = _Planner(project, wish, changes, charts)
    planner.look_back(waits)
    return list(planner.bumps())


def _others(sources: Sources) -> dict[str, ResolvedChart]:
    """Return all charts that can be read; what packs one that can't is broken anyhow."""
    found: dict[str, ResolvedChart] = {}
    for name in sources.names:
        try:
            found[name] = resolve(sources.named(name), sources)
        except InvalidError:
            continue
    return found


class _Planner:
    """Goes through the charts, those that others pack first."""

    def __init__(
        self,
        project: Project,
        wish: Wish,
        changes: Changes,
        charts: Mapping[str, ResolvedChart],
    ) -> None:
        self._project = project
        self._wish = wish
        self._commit = changes.commit
        self._changes = {each.name: each for each in changes.charts}
        self._order = sorted(charts.values(), key=lambda chart: (chart.depth, chart.source.name))
        self._pasts: dict[str, Past] = {}
        self._new: dict[str, str] = {}
        self._tags = project.repository.local_tags()

    @cached_property
    def _named(self) -> set[str]:
        """The charts that are asked for."""
        if self._wish.names:
            return set(self._wish.names)
        for each in self._changes.values():
            if each.error is not None:
                raise InvalidError(each.error.message, each.error.remedy)
        return {each.name for each in self._changes.values() if each.kind in _SELF}

    @cached_property
    def _wanted(self) -> set[str]:
        """Those, and with ``cascade`` what packs them and renders otherwise."""
        if not self._wish.cascade:
            return self._named
        return self._named | {
            chart.source.name
            for chart in self._order
            if self._changes[chart.source.name].is_due and self._packs(chart, self._named)
        }

    @staticmethod
    def _packs(chart: ResolvedChart, names: Iterable[str]) -> bool:
        return any(source.name in names for source in list(chart.every_source())[1:])

    def look_back(self, waits: Callable[[str], None]) -> None:
        """Find out what those charts were, of which a version is to be proposed."""
        if self._wish.to or self._wish.part is not None:
            names = self._wanted - self._named
        else:
            names = self._wanted
        changed = [self._changes[name] for name in sorted(names) if name in self._changes]
        self._pasts = pasts_of(self._project, self._commit, changed, waits)

    def bumps(self) -> Iterator[Bump]:
        """Yield what changes, and what was asked for and does not."""
        for chart in self._order:
            source = chart.source
            ranges = tuple(self._ranges(chart))
            is_wanted = source.name in self._wanted or (self._wish.cascade and ranges)
            old = source.metadata.version
            bump = (
                self._version(source, ranges)
                if is_wanted
                else Bump(source.name, source.folder, old, old)
            )
            bump = replace(bump, ranges=ranges, has_stale_lock=self._has_stale_lock(chart))
            if is_wanted or bump.is_change or bump.has_stale_lock:
                yield bump

    def _version(self, source: ChartSource, ranges: Sequence[RangeChange]) -> Bump:
        """Return what becomes of the version of a chart that is to be bumped."""
        new, reasons = self._target(source, ranges)
        bump = Bump(source.name, source.folder, source.metadata.version, new, reasons)
        if source.name in self._named:
            bump = replace(bump, app_version=self._app_version(source))
        if bump.is_raised:
            self._check(bump)
            self._new[source.name] = new
        return bump

    def _target(
        self, source: ChartSource, ranges: Sequence[RangeChange]
    ) -> tuple[str, tuple[str, ...]]:
        old = source.metadata.version
        if source.name in self._named and self._wish.to:
            return self._wish.to, ("is that already" if self._wish.to == old else "asked for",)
        if source.name in self._named and self._wish.part is not None:
            return raised(old, self._wish.part), (f"{self._wish.part}: asked for",)
        return self._proposed(source, ranges)

    def _proposed(
        self, source: ChartSource, ranges: Sequence[RangeChange]
    ) -> tuple[str, tuple[str, ...]]:
        change, old = self._changes[source.name], source.metadata.version
        past = self._pasts.get(source.name)
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

    def _app_version(self, source: ChartSource) -> str:
        wish = self._wish.app_version if source.name in self._named else ""
        return wish if wish != source.metadata.app_version else ""

    def _check(self, bump: Bump) -> None:
        check_forward(bump.name, bump.old, bump.new)
        tag = tag_of(self._project.settings.git.tag, bump.name, bump.new)
        if tag in self._tags:
            raise RefusedError(
                f"{bump.name} {bump.new} is released already: the tag {tag} is there",
                "Name a newer version by --to.",
            )

    def _ranges(self, chart: ResolvedChart) -> Iterator[RangeChange]:
        packed = {each.source.name for each in chart.dependencies} & self._new.keys()
        for position, needed in enumerate(chart.source.metadata.dependencies):
            if needed.name in packed and needed.repository:
                new = adjusted(needed.version, self._new[needed.name])
                if new != needed.version:
                    yield RangeChange(position, needed.name, needed.version, new)

    def _has_stale_lock(self, chart: ResolvedChart) -> bool:
        packed = {each.source.name for each in chart.dependencies}
        return LOCK_FILE in chart.source.files and bool(packed & self._new.keys())
