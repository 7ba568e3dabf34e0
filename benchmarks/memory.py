"""The most memory that a process and all below it hold (Linux)."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

_PERIOD = 0.02  # seconds between two looks


class Peaks(threading.Thread):
    """Looks at the memory that a process and all below it hold, until it ends."""

    def __init__(self, pid: int, period: float = _PERIOD) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._period = period
        self._ended = threading.Event()
        self.own = self.together = 0

    def run(self) -> None:
        """Look until the process is gone."""
        while (own := _resident(self._pid)) is not None:
            below = (_resident(pid) or 0 for pid in _descendants(self._pid))
            self.own = max(self.own, own)
            self.together = max(self.together, own + sum(below))
            self._ended.wait(self._period)


def megabytes(size: int, largest: int) -> str:
    """Return bytes as a person reads them, and whether they are over the aim."""
    return f"{size / (1 << 20):.0f} MB{' (too much)' if size > largest else ''}"


def _resident(pid: int) -> int | None:
    """Return the bytes that a process holds in memory; None when it is gone (proc(5), statm)."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE") or None


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)
