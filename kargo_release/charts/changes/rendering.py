"""Whether what changed in charts shows in what Helm renders of them."""

from collections.abc import Mapping

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.changes.change import Render
from kargo_release.charts.project import Project
from kargo_release.errors import FailedError
from kargo_release.helm import HelmReport, PackedChart, find_helm


def compared_renders(
    project: Project, pairs: Mapping[str, tuple[ChartArchive, ChartArchive]]
) -> dict[str, Render]:
    """Return how the manifests of charts compare, rendered with their own values.

    Args:
        project: Says which Helm.
        pairs: The charts as they were and as they are, by name; libraries are none of them.

    Raises:
        RefusedError: There is no Helm.
        FailedError: Helm could not be started.
    """
    if not pairs:
        return {}
    charts = [PackedChart(name, each.tgz, False) for name, pair in pairs.items() for each in pair]
    with find_helm(project.settings.helm) as helm:
        reports = iter(helm.check(charts))
    return {name: _render(next(reports), next(reports)) for name in pairs}


def _render(before: HelmReport | FailedError, after: HelmReport | FailedError) -> Render:
    if isinstance(before, FailedError) or isinstance(after, FailedError):
        return Render.UNKNOWN
    if before.manifests is None or after.manifests is None:
        return Render.UNKNOWN
    return Render.SAME if before.manifests == after.manifests else Render.DIFFERENT
