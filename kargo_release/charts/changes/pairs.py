"""What Helm renders of charts as they were and as they are, with the charts' own values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.catalogue import Packed
from kargo_release.charts.changes.change import Render
from kargo_release.charts.project import Project
from kargo_release.errors import FailedError, InvalidError, KargoError, excerpt
from kargo_release.helm import Helm, HelmReport, PackedChart, find_helm


@dataclass(frozen=True)
class Pair:
    """A chart as it was, None where it was not there or could not be packed, and as it is."""

    before: ChartArchive | None
    after: ChartArchive
    is_library: bool

    @classmethod
    def of(cls, name: str, now: Packed, then: Packed | None = None) -> Self:
        """Return a chart that was packed as it is, and perhaps as it was."""
        is_library = now.charts[name].source.metadata.is_library
        return cls(then.archives.get(name) if then else None, now.archives[name], is_library)


@dataclass(frozen=True)
class RenderedPair:
    """The manifests of a chart as it was and as it is.

    Args:
        before: By the paths of templates; empty where the chart was not there.
        after: As it is.
        again: As it is, rendered once more where the two differ: what is not the same here differs
            whatever changed, as random passwords do.
        error: Why there are none.
    """

    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    again: Mapping[str, str] = field(default_factory=dict)
    error: KargoError | None = None

    @property
    def render(self) -> Render:
        """How the two compare; what differs at every rendering tells nothing."""
        if self.error:
            return Render.UNKNOWN
        before, after, again = self.before, self.after, self.again
        differing = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        if not differing:
            return Render.SAME
        is_random = all(after.get(path) != again.get(path) for path in differing)
        return Render.UNKNOWN if is_random else Render.DIFFERENT


def rendered_pairs(project: Project, pairs: Mapping[str, Pair]) -> dict[str, RenderedPair]:
    """Return the manifests of charts, rendered with their own values.

    Args:
        project: Says which Helm.
        pairs: The charts by name; libraries are none of them.

    Raises:
        RefusedError: There is no Helm.
        FailedError: Helm could not be started.
    """
    if not pairs:
        return {}
    with find_helm(project.settings.helm) as helm:
        found = _rendered(helm, pairs)
        differ = {n: Pair(None, pairs[n].after, False) for n, e in found.items() if _differs(e)}
        twice = _rendered(helm, differ)
    return {
        name: replace(each, again=_manifests_of(twice.get(name)) or each.after)
        for name, each in found.items()
    }


def _differs(pair: RenderedPair) -> bool:
    return bool(pair.before) and pair.before != pair.after


def _manifests_of(pair: RenderedPair | None) -> Mapping[str, str]:
    return pair.after if pair else {}


def _rendered(helm: Helm, pairs: Mapping[str, Pair]) -> dict[str, RenderedPair]:
    archives = [each for pair in pairs.values() for each in (pair.before, pair.after) if each]
    charts = [PackedChart(each.name, each.tgz, is_library=False) for each in archives]
    reports = iter(helm.check(charts))
    return {
        name: _rendered_pair(pair, next(reports) if pair.before else None, next(reports))
        for name, pair in pairs.items()
    }


def _rendered_pair(
    pair: Pair, before: HelmReport | FailedError | None, after: HelmReport | FailedError
) -> RenderedPair:
    try:
        then = _manifests(pair.before, before) if pair.before and before else {}
        return RenderedPair(then, _manifests(pair.after, after))
    except KargoError as error:
        return RenderedPair(error=error)


def _manifests(chart: ChartArchive, report: HelmReport | FailedError) -> Mapping[str, str]:
    if isinstance(report, FailedError):
        raise report
    if report.manifests is None:
        raise InvalidError(
            f"Helm can't render {chart.name} {chart.version}: {excerpt(report.error or '')}",
            f"`helm template` on {chart.name} shows the same.",
        )
    return report.manifests
