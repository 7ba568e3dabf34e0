"""Tells a person how images are built."""

import re
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from kargo_release.console import Console, Painted, table
from kargo_release.findings import Finding
from kargo_release.findings_text import findings_lines
from kargo_release.images.carrying_out import ImageRow
from kargo_release.images.desired import ImageBuild, counted
from kargo_release.images.destinations import ENGINE
from kargo_release.images.kept_log import KeptLog
from kargo_release.images.making import FindingsError
from kargo_release.plan import Outcome, State

# The engine colours what a step writes to stderr (ECMA-48, SGR).
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COLOURS = {
    Outcome.PUBLISHED: "good",
    Outcome.REPLACED: "good",
    Outcome.UNCHANGED: "quiet",
    Outcome.REFUSED: "bad",
    Outcome.FAILED: "bad",
}


class BuildProgress:
    """The plan as a table, what is being built, findings, and the log of what failed.

    Args:
        console: Where it is told.
        verbose: Whether every line of a builder is shown.
    """

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._lock = threading.RLock()
        self._logs: dict[str, KeptLog] = defaultdict(KeptLog)
        self.findings: list[Finding] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._console.settle()

    def waits(self, what: str) -> None:
        """Show what is being done, until there is something else to show."""
        self._console.pass_by(f"{what}…")

    def warn(self, warnings: Sequence[str]) -> None:
        """Show what was passed over."""
        for each in warnings:
            self._console.say(Painted("warning: ", "strong"), each)

    def planned(self, rows: Sequence[ImageRow]) -> None:
        """Show what is there and what is not."""
        todo = [row for row in rows if not row.is_complete]
        if not todo:
            self._console.say(f"{counted(len(rows))} unchanged, nothing to do")
            return
        refused = sum(row.error is not None for row in todo)
        what = f"{counted(len(todo) - refused)} of {len(rows)} to build"
        what += f", {refused} refused" if refused else ""
        lines = [[row.desired.app, row.desired.tag, _standing(row)] for row in rows]
        with self._console.group(f"Plan: {what}"):
            self._console.say(table(("app", "tag", "state"), lines))

    def step(self, build: ImageBuild, what: str) -> None:
        """Show what begins."""
        self._console.pass_by(f"{build.title}: {what}…")

    def line(self, build: ImageBuild, line: str) -> None:
        """Keep a line of the builder; show it if all are wanted, or for a moment."""
        line = _COLOUR.sub("", line)
        with self._lock:
            self._logs[build.title].add(line)
        if self._verbose:
            self._console.say(Painted(f"{build.app} | ", "quiet"), line)
        elif self._console.is_in_terminal and line.strip():
            self._console.pass_by(f"{build.app} | {line.strip()}"[:_WIDTH])

    def found(self, findings: Sequence[Finding]) -> None:
        """Show what is wrong."""
        with self._lock:
            self.findings += findings
            for line in findings_lines(findings, "")[:-1]:
                self._console.say(*line)

    def done(self, row: ImageRow, destination: str) -> None:
        """Show how an image fared, with the builder's log if it failed; why is told at the end."""
        outcome = row.outcomes[destination]
        with self._lock:
            self._show_log(row)
            how = Painted(word(outcome, destination), _COLOURS[outcome])
            self._console.say(f"{row.desired.title}  ", how)

    def _show_log(self, row: ImageRow) -> None:
        lines = self._logs.pop(row.desired.title).lines if row.desired.title in self._logs else ()
        is_broken = row.error is not None and not isinstance(row.error, FindingsError)
        if self._verbose or not lines or not (is_broken or self._console.is_in_github):
            return
        with self._console.group(f"Log of {row.desired.title}"):
            for line in lines:
                if line.strip():
                    self._console.say(line)

    def tell_errors(self, rows: Sequence[ImageRow]) -> None:
        """Show every error once."""
        for row in rows:
            if row.error:
                self._console.say(Painted("error: ", "bad"), told(row))


_WIDTH = 100  # characters of a line that passes by


def told(row: ImageRow) -> str:
    """Return a row's error, with the image that it is of."""
    text, title = str(row.error), row.desired.title
    return text if title in text or row.desired.reference in text else f"{title}: {text}"


def word(outcome: Outcome, destination: str) -> str:
    """Return what became of an image in a word; what only the engine has is built, not out."""
    is_made = outcome in (Outcome.PUBLISHED, Outcome.REPLACED)
    return "built" if destination == ENGINE and is_made else str(outcome)


def _standing(row: ImageRow) -> str:
    if row.error is not None:
        return "refused" if row.found else "unknown"
    [(destination, found)] = row.found.items()
    if found.state is State.SAME:
        return "unchanged"
    verb = "build" if destination == ENGINE else "build and push"
    return f"to {verb}" + (" anew" if found.state is State.DIFFERENT else "")
