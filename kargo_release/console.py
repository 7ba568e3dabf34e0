"""What a person sees while a command works: progress and groups on stderr, tables."""

import os
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from kargo_release.errors import printable

_COLOURS = {"good": "32", "bad": "31", "quiet": "2", "strong": "1"}
_GAP = "  "


@dataclass(frozen=True)
class Painted:
    """A text, and its colour where colours are shown: good, bad, quiet or strong."""

    text: str
    colour: str


class Console:
    """Writes for people: plain lines, coloured on a terminal only, grouped under GitHub Actions.

    Args:
        stream: Where to write; stderr, for stdout is for data.
        environ: ``NO_COLOR``, ``TERM`` and ``GITHUB_ACTIONS`` are heeded.
    """

    def __init__(
        self, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        environ = os.environ if environ is None else environ
        self.is_in_terminal = self._stream.isatty() and environ.get("TERM") != "dumb"
        self._coloured = self.is_in_terminal and "NO_COLOR" not in environ
        self.is_in_github = environ.get("GITHUB_ACTIONS") == "true"
        self._lock = threading.Lock()
        self._passing = ""
        self._is_read = True

    def say(self, *parts: str | Painted) -> None:
        """Print one or more lines, given in parts; threads may do so at once."""
        text = self.painted(*parts)
        with self._lock:
            self._erase()
            self._write("".join(f"{self._harmless(line)}\n" for line in text.split("\n")))

    def painted(self, *parts: str | Painted) -> str:
        """Return the parts as one text, coloured where this console shows colours."""
        return "".join(map(self._shown, parts))

    def line(self, *parts: str | Painted) -> str:
        """Return the parts as one line, as `say` prints it: of a text for stdout, say."""
        return self._harmless(self.painted(*parts))

    def pass_by(self, text: str) -> None:
        """Show what is being waited for; on a terminal the next line takes its place."""
        if not self.is_in_terminal:
            self.say(text)
            return
        with self._lock:
            self._erase()
            self._write(self._shown(Painted(text, "quiet")))
            self._passing = text

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """Give what shows, as `pass_by` does, what is being done; at the end it is removed."""
        try:
            yield lambda what: self.pass_by(f"{what}…")
        finally:
            self.settle()

    def settle(self) -> None:
        """Remove what ``pass_by`` left on the terminal."""
        with self._lock:
            self._erase()

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Put what is said meanwhile into a group of GitHub Actions' log; else under a title."""
        if not self.is_in_github:
            self.say(Painted(title, "strong"))
            yield
            return
        self._command(f"::group::{title}")
        try:
            yield
        finally:
            self._command("::endgroup::")

    def _command(self, text: str) -> None:
        with self._lock:
            self._write(f"{printable(text)}\n")

    def _erase(self) -> None:
        if self._passing:
            self._write("\r\033[K")
            self._passing = ""

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        if not self._is_read:
            return
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except BrokenPipeError:
            self._is_read = False  # who watched has left: no reason to leave a release half-done
            # The interpreter writes what is left once more at its end, and would end with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _shown(self, part: str | Painted) -> str:
        if isinstance(part, str):
            return "\n".join(map(printable, part.splitlines()))
        text = printable(part.text)
        return f"\033[{_COLOURS[part.colour]}m{text}\033[0m" if self._coloured else text

    def _harmless(self, line: str) -> str:
        return harmless(line) if self.is_in_github else line


def harmless(line: str) -> str:
    """Return the line unable to be a command of the workflow, whose runner skips spaces.

    Source: actions/runner ``src/Runner.Common/ActionCommand.cs`` (TryParseV2).
    """
    return line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows in columns under the header, each as wide as its widest cell."""
    lines = [[cell.upper() for cell in header], *([*map(printable, row)] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        _GAP.join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
