"""How what Helm renders of charts differs from their last release, or from a commit."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.changes.changed import Compared, compared_charts
from kargo_release.charts.changes.pairs import Pair, RenderedPair, rendered_pairs
from kargo_release.charts.changes.resources import (
    ResourceChanges,
    ResourceKey,
    compared,
    resources,
)
from kargo_release.charts.changes.unified import unified
from kargo_release.charts.desired import counted
from kargo_release.charts.project import Project
from kargo_release.errors import InvalidError, KargoError, printable
from kargo_release.git.repository import short

_NEW = (Kind.NEW, Kind.RENAMED)
_SAID = {Kind.UNCHANGED: "same content", Kind.DELETED: "gone"}


@dataclass(frozen=True)
class ChartDifference:
    """One chart.

    Args:
        chart: What became of it.
        is_library: Whether it renders nothing itself.
        resources: Those that it adds, removes and changes.
        random: Those that differ at every rendering, whatever changed; empty where nothing did.
        diff: The unified diff of its manifests, without what Secrets hold; empty for a new chart.
        error: Why there is none.
    """

    chart: ChartChange
    is_library: bool = False
    resources: ResourceChanges = field(default_factory=ResourceChanges)
    random: tuple[ResourceKey, ...] = ()
    diff: str = ""
    error: KargoError | None = None

    @property
    def title(self) -> str:
        """The chart, its version, and what it is compared with."""
        chart = self.chart
        about = ", ".join(filter(None, (str(chart.kind), self._beside)))
        return " ".join(filter(None, (chart.name, chart.version, f"({about})")))

    @property
    def _beside(self) -> str:
        chart = self.chart
        if chart.kind is Kind.RENAMED:
            return f"was {chart.origin}"
        if chart.kind is Kind.DELETED:
            return chart.reasons[0]
        return f"since {origin(chart)}" if chart.base else ""

    @property
    def summary(self) -> str:
        """What differs, in a few words."""
        if self.error:
            return self.error.message
        if self.is_library:
            return "a library: see the charts that pack it"
        if self.chart.kind in _NEW:
            return _counted(len(self.resources.added))
        if self.chart.kind in _SAID:
            return _SAID[self.chart.kind]
        found = self.resources
        counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
        told = ", ".join(f"{len(keys)} {how}" for how, keys in counts.items() if keys)
        return told or ("no resource" if self.diff else "same render")

    @property
    def listing(self) -> tuple[str, ...]:
        """A line for each resource, as a diff marks lines: ``+``, ``-``, and ``!`` for changed."""
        found = self.resources
        marked = (("+", found.added), ("-", found.removed), ("!", found.changed))
        lines = [f"{mark} {key}" for mark, keys in marked for key in keys]
        lines += [f"# differs at every rendering: {key}" for key in self.random]
        return tuple(map(printable, lines))


def chart_differences(
    project: Project, names: Collection[str], since: str | None, waits: Callable[[str], None]
) -> tuple[ChartDifference, ...]:
    """Return how charts differ, rendered with their own values.

    Args:
        project: Where charts are, and which Helm.
        names: The charts; none for all that are not as they were.
        since: Compare with this commit; None for each chart's last release.
        waits: Told what is being done.

    Raises:
        InvalidError: There is no such chart or commit, or the clone's history is cut off before it.
        RefusedError: There is no Helm.
        FailedError: Helm could not be started.
    """
    found = compared_charts(project, since, waits, names)
    charts = [each for each in found.charts if names or each.kind is not Kind.UNCHANGED]
    pairs, errors = _pairs(project, found, charts)
    wanted = {name: pair for name, pair in pairs.items() if not pair.is_library}
    if wanted:
        waits(f"rendering {counted(len(wanted))} with Helm")
    renders = rendered_pairs(project, wanted)
    return tuple(_difference(each, pairs, renders, errors) for each in charts)


def _pairs(
    project: Project, found: Compared, charts: Iterable[ChartChange]
) -> tuple[dict[str, Pair], dict[str, KargoError]]:
    """Return the archives of the charts, new ones too, and why some have none."""
    new = [each.name for each in charts if each.kind in _NEW and each.name not in found.pairs]
    packed = pack_charts(project, project.repository.tree(found.commit), new)
    pairs = {name: Pair.of(name, packed) for name in packed.archives}
    errors = {each.name: each.error for each in charts if each.error}
    for each in charts:
        pair = found.pairs.get(each.name)
        if pair and not pair.before and each.kind not in _NEW:
            errors[each.name] = _unpackable(each)
        elif pair:
            pairs[each.name] = pair
    return pairs, {**packed.errors, **errors}


def _unpackable(chart: ChartChange) -> InvalidError:
    return InvalidError(
        f"{chart.name} can't be packed as it was at {short(chart.base)}: nothing to compare with",
        "Compare with another commit: --since REF.",
    )


def _difference(
    chart: ChartChange,
    pairs: Mapping[str, Pair],
    renders: Mapping[str, RenderedPair],
    errors: Mapping[str, KargoError],
) -> ChartDifference:
    name = chart.name
    is_library = name in pairs and pairs[name].is_library
    blank = ChartDifference(chart, is_library, error=errors.get(name))
    if name not in renders:
        return blank
    try:
        return _of_render(blank, renders[name])
    except KargoError as error:
        return replace(blank, error=error)


def _of_render(blank: ChartDifference, render: RenderedPair) -> ChartDifference:
    """Return the difference of two renderings.

    Raises:
        InvalidError: What Helm rendered is not YAML.
        KargoError: There is no rendering.
    """
    if render.error:
        raise render.error
    chart = blank.chart
    found, random = compared_resources(render)
    diff = ""
    if chart.kind not in _NEW:
        diff = unified(render.before, render.after, origin(chart), "HEAD")
    return replace(blank, resources=found, random=random, diff=diff)


def compared_resources(render: RenderedPair) -> tuple[ResourceChanges, tuple[ResourceKey, ...]]:
    """Return how the resources of two renderings compare, and those that differ at every rendering.

    Raises:
        InvalidError: What Helm rendered is not YAML.
    """
    before, after, again = map(resources, (render.before, render.after, render.again))
    unstable = compared(after, again)
    return compared(before, after), (*unstable.added, *unstable.removed, *unstable.changed)


def origin(chart: ChartChange) -> str:
    """Return what a chart is compared with: the version of its last release, or a commit."""
    is_release = chart.last is not None and chart.last.commit == chart.base
    return chart.last.version if chart.last and is_release else short(chart.base)


def _counted(number: int) -> str:
    return f"{number} resource{'' if number == 1 else 's'}"
