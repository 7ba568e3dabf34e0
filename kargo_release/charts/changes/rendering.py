"""Whether what changed in charts shows in what Helm renders of them."""

from collections.abc import Mapping, Sequence

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.changes.change import Render
from kargo_release.charts.project import Project
from kargo_release.errors import FailedError
from kargo_release.helm import PackedChart, find_helm

Manifests = Mapping[str, str]
"""What a chart renders, by its templates' paths."""


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
    every = [archive for pair in pairs.values() for archive in pair]
    found = iter(rendered(project, every))
    return {name: _render(next(found), next(found)) for name in pairs}


def rendered(project: Project, archives: Sequence[ChartArchive]) -> list[Manifests | None]:
    """Return what Helm renders of each archive, with the chart's own values; None where it can't.

    Args:
        project: Says which Helm.
        archives: Of charts that are no libraries.

    Raises:
        RefusedError: There is no Helm.
        FailedError: Helm could not be started.
    """
    if not archives:
        return []
    charts = [PackedChart(each.name, each.tgz, False) for each in archives]
    with find_helm(project.settings.helm) as helm:
        reports = helm.check(charts)
    return [None if isinstance(each, FailedError) else each.manifests for each in reports]


def _render(before: Manifests | None, after: Manifests | None) -> Render:
    if before is None or after is None:
        return Render.UNKNOWN
    return Render.SAME if before == after else Render.DIFFERENT
