"""The log of a build, kept until it is known whether somebody must read it."""

from collections import deque

_FIRST, _LAST = 1_000, 50_000  # lines
_LONGEST = 2_000  # characters of a line


class KeptLog:
    """Keeps the first 1,000 lines and the last 50,000, each up to 2,000 characters."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST)
        self._count = 0

    def add(self, line: str) -> None:
        """Keep a line."""
        line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
        self._count += 1
        if len(self._first) < _FIRST:
            self._first.append(line)
        else:
            self._last.append(line)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are kept, and how many are not."""
        lost = self._count - len(self._first) - len(self._last)
        gap = [f"… {lost} lines are not kept …"] if lost else []
        return (*self._first, *gap, *self._last)
