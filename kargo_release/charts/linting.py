"""Helm's own word on packed charts, before they are published."""

from collections.abc import Callable

from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.charts.project import Project
from kargo_release.errors import KargoError, RefusedError
from kargo_release.helm import HelmReport, PackedChart, find_helm
from kargo_release.plan import Row

_SHOWN = 3  # messages that an error repeats


def check_with_helm(
    rows: list[Row[ChartRelease]], project: Project, waits: Callable[[str], None]
) -> list[Row[ChartRelease]]:
    """Return the rows, those with an error whose chart Helm does not lint or render.

    Args:
        rows: Charts that are out everywhere are not checked again.
        project: Its settings say which Helm.
        waits: Told how many charts are checked, as it begins.

    Raises:
        RefusedError: There is no Helm.
        FailedError: It can't be started.
    """
    todo = [row for row in rows if row.error is None and not row.is_complete]
    if not todo:
        return rows
    waits(f"checking {counted(len(todo))} with Helm")
    charts = [
        PackedChart(row.desired.name, row.desired.archive.tgz, row.desired.metadata.is_library)
        for row in todo
    ]
    with find_helm(project.settings.helm) as helm:
        found = dict(zip((chart.name for chart in charts), helm.check(charts), strict=True))
    return [_checked(row, found.get(row.desired.name)) for row in rows]


def _checked(row: Row[ChartRelease], answer: HelmReport | KargoError | None) -> Row[ChartRelease]:
    if isinstance(answer, KargoError):
        return row.stopped(answer)
    if answer is None or answer.ok:
        return row
    return row.stopped(_error(row.desired, answer))


def _error(release: ChartRelease, report: HelmReport) -> RefusedError:
    faults = [each for each in report.messages if each.severity != "info"]
    said = [f"{each.path}: {each.text}" if each.path else each.text for each in faults]
    said = list(dict.fromkeys([*said, report.error] if report.error else said))
    more = f" (and {len(said) - _SHOWN} more)" if len(said) > _SHOWN else ""
    return RefusedError(
        f"Helm refuses {release.title}: {'; '.join(said[:_SHOWN])}{more}",
        f"Mend it; `helm lint --strict` and `helm template` on {release.name} show the same.",
    )
