"""Tells a person what is decided about charts that changed, and how their release goes."""

from collections.abc import Sequence

from kargo_release.charts.changes.due import Due
from kargo_release.console import table
from kargo_release.tasks.chart_progress import ReleaseProgress


class ChangedProgress(ReleaseProgress):
    """The charts that changed as a table, then the progress of their release.

    Attributes:
        due: What is decided; nothing yet before that.
    """

    due: Sequence[Due] = ()

    def decided(self, due: Sequence[Due]) -> None:
        """Show what is to be done about each chart that changed."""
        self.due = due
        if not due:
            return
        with self._console.group("Changed charts"):
            self._console.say(table(("chart", "version", "change", "to do", "why"), lines(due)))
            self._console.say("")


def lines(due: Sequence[Due]) -> list[list[str]]:
    """Return the cells of a table of charts that changed."""
    return [
        [each.name, each.change.version or "-", str(each.change.kind), to_do(each), each.change.why]
        for each in due
    ]


def to_do(due: Due) -> str:
    """Return what is to be done about a chart, in words."""
    return f"{due.step}, bump" if due.needs_bump else str(due.step)
