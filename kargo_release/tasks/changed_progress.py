"""Tells a person what is decided about charts that changed, and how their release goes."""

from collections.abc import Sequence

from kargo_release.charts.changes.due import Due
from kargo_release.console import table
from kargo_release.tasks.changed_table import is_unnoticed, place, unnoticed
from kargo_release.tasks.chart_progress import ReleaseProgress

HEADER = ("chart", "version", "change", "to do", "why")


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
            self._console.say(table(HEADER, lines(due)))
            for line in unnoticed([each.change for each in due]):
                self._console.say(line)
            self._console.say("")


def lines(due: Sequence[Due]) -> list[list[str]]:
    """Return the cells of a table of charts that changed, without what nobody would notice."""
    told = [each for each in due if not is_unnoticed(each.change)]
    return [
        [each.name, each.change.version or "-", str(each.change.kind), to_do(each), each.change.why]
        for each in sorted(told, key=lambda each: place(each.change))
    ]


def to_do(due: Due) -> str:
    """Return what is to be done about a chart, in words."""
    return f"{due.step}, bump" if due.needs_bump else str(due.step)
