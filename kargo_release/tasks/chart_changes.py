"""The command that tells which charts changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kargo_release.charts.changes.change import ChartChange


_TAGLESS = "\nthis clone has no tags: if charts were released, `git fetch --tags` and ask again"


@command(
    since="Compare with this commit; with each chart's last release when not given.",
)
def changed_charts(since: str = "") -> Reply:
    """Tell which charts changed since their last release, and which follow from a library's change.

    What a release would hold counts, after .helmignore and with what is packed by file://. Of a
    chart that only follows it is told whether what Helm renders changes.

    Example: kargo-release changed-charts --since origin/main
    """
    from kargo_release.charts.changes.change import Kind
    from kargo_release.charts.changes.changed import changed_charts as look
    from kargo_release.charts.project import Project
    from kargo_release.console import Console
    from kargo_release.tasks.chart_progress import tell_errors

    project = Project.open(Path.cwd())
    with Console().waiting() as waits:
        found = look(project, since or None, waits)
    error = next((each.error for each in found.charts if each.error), None)
    told = [each for each in found.charts if each.kind is not Kind.UNCHANGED]
    tell_errors({each.name: each.error for each in found.charts if each.error})
    unchanged = len(found.charts) - len(told)
    document = {
        "commit": found.commit.sha,
        "charts": [_document(each) for each in told],
        "unchanged": unchanged,
        "error": error and error.document(),
    }
    are_all_new = bool(told) and not unchanged and all(each.kind is Kind.NEW for each in told)
    hint = _TAGLESS if are_all_new and not project.repository.local_tags() else ""
    return Reply(_text(told, unchanged) + hint, document, error.exit_code if error else 0)


def _document(chart: "ChartChange") -> dict[str, Any]:
    last = chart.last
    return {
        "name": chart.name,
        "version": chart.version or None,
        "change": str(chart.kind),
        "reasons": list(chart.reasons),
        "last_release": last and {"version": last.version, "tag": last.tag, "commit": last.commit},
        "base": chart.base or None,
        "renamed_from": chart.origin or None,
        "files": [{"chart": f.chart or None, "path": f.path, "how": f.how} for f in chart.files],
        "render": chart.render and str(chart.render),
        "due": chart.is_due,
        "error": chart.error and chart.error.document(),
    }


def _text(charts: "Sequence[ChartChange]", unchanged: int) -> str:
    from kargo_release.console import table
    from kargo_release.tasks.changed_table import is_unnoticed, place, unnoticed

    counted = f"{unchanged} chart{'' if unchanged == 1 else 's'} unchanged"
    told = sorted((each for each in charts if not is_unnoticed(each)), key=place)
    lines = [[each.name, each.version or "-", str(each.kind), each.why] for each in told]
    shown = [table(("chart", "version", "change", "why"), lines)] if lines else []
    return "\n".join([*shown, *unnoticed(charts), counted])
