"""Tells a person how a release of charts goes."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Self

from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.console import Console, Painted, table
from kargo_release.errors import KargoError
from kargo_release.plan import Outcome, Row, State

_COLOURS = {
    Outcome.PUBLISHED: "good",
    Outcome.REPLACED: "good",
    Outcome.UNCHANGED: "quiet",
    Outcome.REFUSED: "bad",
    Outcome.FAILED: "bad",
}
_TO_DO = {True: "to publish", False: "out"}


_log = logging.getLogger("kargo_release")


class _Lines(logging.Handler):
    """Shows what deeper layers log, such as a server that is waited for."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show one message."""
        self._console.say(record.getMessage())


class ReleaseProgress:
    """The plan as a table, then a line for each chart and destination as it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting = _Lines(console)
        self._lock = threading.Lock()
        self._done = 0
        self._steps = 0

    def __enter__(self) -> Self:
        _log.addHandler(self._waiting)
        return self

    def __exit__(self, *_: object) -> None:
        _log.removeHandler(self._waiting)
        self._console.settle()

    def planned(self, rows: Sequence[Row[ChartRelease]]) -> None:
        """Show what is out and what is not; only what is missing when there are many charts."""
        todo = [row for row in rows if not row.is_complete]
        self._done = 0
        self._steps = sum(row.lacks(name) for row in todo if not row.error for name in row.found)
        if not rows:
            return
        if not todo:
            self._console.say(f"{counted(len(rows))} out already, nothing to do")
            return
        columns = list(dict.fromkeys(name for row in rows for name in row.outcomes))
        lines = [_line(row, columns) for row in todo]
        refused = sum(row.error is not None for row in todo)
        what = f"{counted(refused)} of {len(rows)} refused" if refused else _to_release(rows, todo)
        with self._console.group(f"Plan: {what}"):
            self._console.say(table(("chart", "version", *columns), lines))
            self._console.say("" if "backup" in columns else "\nno backup is set\n")

    def waits(self, what: str) -> None:
        """Show what is being done, until there is something else to show."""
        self._console.pass_by(f"{what}…")

    def done(self, row: Row[ChartRelease], destination: str) -> None:
        """Show how a chart fared at a destination."""
        outcome = row.outcomes[destination]
        with self._lock:
            self._done += 1
            step = f"[{self._done}/{self._steps}]"
        where = row.error.message if row.error else row.found[destination].reference
        self._console.say(
            f"{step} {row.desired.title}  {destination} ",
            Painted(str(outcome), _COLOURS[outcome]),
            f"  {where}",
        )


def _to_release(rows: Sequence[object], todo: Sequence[object]) -> str:
    return f"{counted(len(todo))} of {len(rows)} to release"


def _line(row: Row[ChartRelease], columns: Sequence[str]) -> list[str]:
    return [row.desired.name, row.desired.version, *(_cell(row, name) for name in columns)]


def _cell(row: Row[ChartRelease], name: str) -> str:
    if name not in row.found:
        return "unknown"
    found = row.found[name]
    if name == "claim":
        return found.note or "to claim"
    if found.state is State.DIFFERENT:
        return "to replace" if row.desired.is_dev else "other content"
    note = f" ({found.note})" if found.note else ""
    return f"{_TO_DO[row.lacks(name)]}{note}"


def tell_errors(errors: Mapping[str, KargoError]) -> None:
    """Tell what went wrong with charts, each error once."""
    console = Console()
    for text in dict.fromkeys(str(error) for error in errors.values()):
        console.say(Painted("error: ", "bad"), text)
