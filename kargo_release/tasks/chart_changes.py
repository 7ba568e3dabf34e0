"""The command that tells which charts changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kargo_release.charts.changes.change import ChartChange

_SHOWN = 3  # files that a line of the table names


@command(
    since="Compare with this commit; with each chart's last release when not given.",
)
def changed_charts(since: str = "") -> Reply:
    """Tell which charts changed since their last release, and which follow from a library's change.

    What a release would hold counts, after .helmignore and with what is packed by file://. Of a
    chart that only follows it is told whether what Helm renders changes.

    Example: kargo-release changed-charts --since origin/main
    """
    from kargo_release.charts.changes.changed import changed_charts as look
    from kargo_release.charts.project import Project
    from kargo_release.console import Console

    console = Console()
    try:
        found = look(
            Project.open(Path.cwd()), since or None, lambda what: console.pass_by(f"{what}…")
        )
    finally:
        console.settle()
    error = next((each.error for each in found.charts if each.error), None)
    document = {
        "commit": found.commit.sha,
        "charts": [_document(each) for each in found.charts],
        "error": error and error.document(),
    }
    return Reply(_text(found.charts), document, error.exit_code if error else 0)


def _document(chart: "ChartChange") -> dict[str, Any]:
    last = chart.last
    return {
        "name": chart.name,
        "state": str(chart.kind),
        "version": chart.version or None,
        "released": last and {"version": last.version, "tag": last.tag, "commit": last.commit},
        "base": chart.base or None,
        "renamed_from": chart.origin or None,
        "files": [{"chart": f.chart or None, "path": f.path, "how": f.how} for f in chart.files],
        "render": chart.render and str(chart.render),
        "due": chart.is_due,
        "error": chart.error and chart.error.document(),
    }


def _text(charts: "Sequence[ChartChange]") -> str:
    from kargo_release.charts.changes.change import Kind
    from kargo_release.console import table

    told = [each for each in charts if each.kind is not Kind.UNCHANGED]
    unchanged = len(charts) - len(told)
    counted = f"{unchanged} chart{'' if unchanged == 1 else 's'} unchanged"
    if not told:
        return counted
    lines = [[each.name, each.version or "-", str(each.kind), _why(each)] for each in told]
    return f"{table(('chart', 'version', 'state', 'why'), lines)}\n{counted}"


def _why(chart: "ChartChange") -> str:
    from kargo_release.charts.changes.change import Kind

    if chart.error:
        return chart.error.message
    if chart.kind is Kind.RENAMED:
        return f"was {chart.origin}"
    if chart.kind is Kind.DELETED:
        return f"last released as {chart.last.version}" if chart.last else "never released"
    if chart.kind is Kind.NEW and not chart.files:
        return f"released as {chart.last.version}" if chart.last else "never released"
    return "; ".join(filter(None, (_files(chart), chart.render and f"{chart.render} render")))


def _files(chart: "ChartChange") -> str:
    """Return the files that changed, those of a packed chart behind its name."""
    own = [each for each in chart.files if not each.chart] or chart.files
    names = [each.path for each in own]
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    packed = own[0].chart
    return f"{packed} changed: {shown}" if packed else shown
