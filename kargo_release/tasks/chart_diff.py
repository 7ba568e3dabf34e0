"""The command that shows how what Helm renders of charts differs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kargo_release.charts.changes.difference import ChartDifference
    from kargo_release.charts.changes.resources import ResourceKey
    from kargo_release.console import Console, Painted

# The first signs of lines that are told apart, those of files before those of their lines.
_COLOURS = {
    "---": "strong",
    "+++": "strong",
    "@@": "quiet",
    "#": "quiet",
    "+": "good",
    "-": "bad",
    "!": "strong",
}


@command(
    "[NAME...]",
    since="Compare with this commit; with each chart's last release when not given.",
    markdown="Write a comment for a pull request, of what GitHub takes at most.",
)
def diff_chart(names: tuple[str, ...], since: str = "", markdown: bool = False) -> Reply:
    """Show how what Helm renders of charts differs from their last release.

    Without names, of all charts that changed. They are rendered with their own values. What Secrets
    hold is hidden; a number tells whether it is another value.

    Example: kargo-release diff-chart kano --since origin/main
    """
    from kargo_release.charts.changes.comment import markdown as comment
    from kargo_release.charts.changes.difference import chart_differences
    from kargo_release.charts.project import Project
    from kargo_release.console import Console

    with Console().waiting() as waits:
        found = chart_differences(Project.open(Path.cwd()), names, since or None, waits)
    error = next((each.error for each in found if each.error), None)
    document = {
        "charts": [_document(each) for each in found],
        "error": error and error.document(),
    }
    text = comment(found) if markdown else _text(found)
    return Reply(text, document, error.exit_code if error else 0)


def _document(each: "ChartDifference") -> dict[str, Any]:
    chart, found, last = each.chart, each.resources, each.chart.last
    return {
        "name": chart.name,
        "version": chart.version or None,
        "change": str(chart.kind),
        "last_release": last and {"version": last.version, "tag": last.tag, "commit": last.commit},
        "base": chart.base or None,
        "library": each.is_library,
        "added": _keys(found.added),
        "removed": _keys(found.removed),
        "changed": _keys(found.changed),
        "random": _keys(each.random),
        "diff": each.diff,
        "error": each.error and each.error.document(),
    }


def _keys(keys: "Iterable[ResourceKey]") -> list[dict[str, str]]:
    return [
        {"group": k.group, "kind": k.kind, "namespace": k.namespace, "name": k.name} for k in keys
    ]


def _text(charts: "Sequence[ChartDifference]") -> str:
    from kargo_release.console import Console

    console = Console(sys.stdout)
    if not charts:
        return "no chart changed"
    return "\n".join(line for each in charts for line in _lines(console, each))


def _lines(console: "Console", each: "ChartDifference") -> "Iterator[str]":
    from kargo_release.console import Painted

    yield console.line(Painted(each.title, "strong"), f": {each.summary}")
    for line in (*each.listing, *(each.diff.split("\n") if each.diff else ())):
        yield console.line(_painted(line))


def _painted(line: str) -> "str | Painted":
    from kargo_release.console import Painted

    colour = next((_COLOURS[sign] for sign in _COLOURS if line.startswith(sign)), None)
    return Painted(line, colour) if colour else line
