"""Releases what changed: each chart whose version is not out yet, the others as development."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.changes.changed import Changes, changed_charts
from kargo_release.charts.changes.due import (
    Due,
    Step,
    check_bumped,
    check_libraries,
    decide,
    in_order,
    refuse_unreadable,
    with_packed,
)
from kargo_release.charts.dependencies import ResolvedChart, resolve
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import FailedError, KargoError
from kargo_release.git.repository import short

if TYPE_CHECKING:
    from kargo_release.charts.desired import ChartRelease
    from kargo_release.charts.route import Rows
    from kargo_release.plan import Row


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Args:
        since: Only charts that changed since this commit; None for all.
        dev: Release development versions alone.
        require_bump: Refuse charts that changed themselves and were not bumped.
        cascade: With that, dependents too.
        dry_run: Change nothing.
    """

    since: str | None = None
    dev: bool = False
    require_bump: bool = False
    cascade: bool = False
    dry_run: bool = False


class Observer(Protocol):
    """Who is told how a release of what changed goes; an `Audience` of releases, too."""

    def waits(self, what: str) -> None:
        """Be told what is being done that may take a while."""
        ...

    def planned(self, rows: "Rows") -> None:
        """Be told the plan of releases, before anything is changed."""
        ...

    def done(self, row: "Row[ChartRelease]", destination: str) -> None:
        """Be told that a row is done, or failed, at a destination; from any thread."""
        ...

    def decided(self, due: Sequence[Due]) -> None:
        """Be told what is to be done about each chart that changed."""
        ...


@dataclass(frozen=True)
class ChangedRelease:
    """What became of the charts that changed.

    ``rows`` are the releases, ``dev_rows`` the development versions, and ``errors`` why some could
    not be developed, by name.
    """

    commit: str
    due: Sequence[Due]
    rows: "Rows" = field(default_factory=list)
    dev_rows: "Rows" = field(default_factory=list)
    errors: Mapping[str, KargoError] = field(default_factory=dict)


def release_changed(project: Project, asked: Asked, observer: Observer) -> ChangedRelease:
    """Release the charts that changed since their last release.

    Args:
        project: Where the charts are.
        asked: Which, and how.
        observer: Told what is decided, then of the plan and of each step.

    Raises:
        InvalidError: A chart can't be packed, or there is no such commit.
        RefusedError: A chart must be bumped first, or the state of Git forbids a release.
        FailedError: A destination can't be asked.
        InterruptError: Ctrl-C; the message says what is out.
    """
    found = changed_charts(project, None, observer.waits)
    refuse_unreadable(found.charts)
    due = _decided(project, found, asked, observer)
    charts = _charts(project, found, due)
    if asked.since is not None:
        due = with_packed(due, [charts[each.name] for each in due if each.is_release])
    observer.decided(due)
    if asked.require_bump:
        check_bumped(due, cascade=asked.cascade)
    if not charts:
        return ChangedRelease(found.commit.sha, due)
    from kargo_release.charts.guards import check_committed

    check_committed(project.repository, list(charts.values()))
    wanted = [charts[each.name] for each in due if each.is_release]
    check_libraries(wanted, due)
    return _released(project, found.commit.sha, due, in_order(wanted), asked, observer)


def _decided(project: Project, found: Changes, asked: Asked, observer: Observer) -> list[Due]:
    since: Mapping[str, ChartChange] = {each.name: each for each in found.charts}
    if asked.since is not None:
        compared = changed_charts(project, asked.since, observer.waits)
        since = {each.name: each for each in compared.charts}
    changed = [each for each in found.charts if _is_told(each, since)]
    return [decide(each, since.get(each.name), dev=asked.dev) for each in changed]


def _is_told(chart: ChartChange, since: Mapping[str, ChartChange]) -> bool:
    """Whether a chart is not as it was; one that is gone only where it went since."""
    if chart.kind is Kind.DELETED:
        return chart.name in since
    return chart.kind is not Kind.UNCHANGED


def _charts(project: Project, found: Changes, due: Sequence[Due]) -> dict[str, ResolvedChart]:
    """Return by name the charts about which something is done, and those that they pack."""
    names = [each.name for each in due if each.step is not Step.NONE]
    if not names:
        return {}
    sources = Sources(project.repository.tree(found.commit), project.settings.charts, names)
    charts = {name: resolve(sources.named(name), sources) for name in names}
    packed = {one.source.name: one for chart in charts.values() for one in chart.every_chart()}
    return packed | charts


def _released(
    project: Project,
    commit: str,
    due: Sequence[Due],
    names: Sequence[str],
    asked: Asked,
    observer: Observer,
) -> ChangedRelease:
    """Release, then develop; a release that was refused or failed is mended first."""
    # Loaded here, for most runs have nothing to release.
    from kargo_release.charts.development import release_dev_charts
    from kargo_release.charts.release import release_charts

    rows: Rows = []
    if names:
        rows = release_charts(project, names, commit, observer, dry_run=asked.dry_run)
    others = [each.name for each in due if each.step is Step.DEVELOP]
    if not others or any(row.error for row in rows):
        return ChangedRelease(commit, due, rows)
    head = project.repository.commit().sha
    if head != commit:  # what is there now was not looked at
        error = FailedError(
            f"HEAD was {short(commit)}, and is {short(head)} now", "Run the same command again."
        )
        return ChangedRelease(commit, due, rows, errors=dict.fromkeys(others, error))
    developed = release_dev_charts(project, others, observer, dry_run=asked.dry_run)
    return ChangedRelease(commit, due, rows, developed.rows, developed.errors)
