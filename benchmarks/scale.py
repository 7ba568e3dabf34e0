"""Measures releases of 10, 100 and 1,000 charts: `.venv/bin/python -m benchmarks.scale`.

Time should grow as the number of charts does, and memory stay small; see README.md.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

from sandbox import PROGRAM

from benchmarks.bench import Bench, bench
from benchmarks.measure import machine
from kargo_release.console import table

_SIZES = (10, 100, 1000)
_TURNS = 3
_PERIOD = 0.02  # seconds between two looks at the memory
_LARGEST = 300 << 20  # bytes


def main() -> None:
    """Release each number of charts, new and then unchanged; print a table."""
    print(f"{machine()}\n")
    rows = [row for size in _SIZES for row in _measured(size)]
    header = ("charts", "", "time", "a chart", "peak", "peak, with children")
    print(table(header, rows))


def _measured(size: int) -> Iterator[tuple[str, ...]]:
    with bench(applications=size - 1) as given:
        new, again = zip(*(_turn(given) for _ in range(_TURNS)), strict=True)
    for title, taken in (("new", new), ("unchanged", again)):
        seconds = median(each[0] for each in taken)
        own, all_of_them = (max(each[at] for each in taken) for at in (1, 2))
        each = f"{seconds / size * 1000:.1f} ms"
        yield str(size), title, f"{seconds:.2f} s", each, _megabytes(own), _megabytes(all_of_them)


def _turn(given: Bench) -> tuple[tuple[float, int, int], tuple[float, int, int]]:
    with given.registry() as host:
        given.use(host)
        return _released(given), _released(given)


def _released(given: Bench) -> tuple[float, int, int]:
    """Return the seconds, our own peak and that of us and our children together, in bytes."""
    start = perf_counter()
    process = subprocess.Popen(
        [str(PROGRAM), "release-dev-chart", "--json"],
        cwd=given.sandbox.path,
        env={**os.environ, **given.sandbox.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks = _Peaks(process.pid)
    peaks.start()
    if process.wait():
        sys.exit(f"error: the release ended with {process.returncode}")
    taken = perf_counter() - start
    peaks.join()
    return taken, peaks.own, peaks.together


class _Peaks(threading.Thread):
    """Looks at the memory that a process and all below it hold, until it ends (Linux)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.own = self.together = 0

    def run(self) -> None:
        while (own := _resident(self._pid)) is not None:
            below = (_resident(pid) or 0 for pid in _descendants(self._pid))
            self.own = max(self.own, own)
            self.together = max(self.together, own + sum(below))
            self._ended.wait(_PERIOD)


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


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MB{' (too much)' if size > _LARGEST else ''}"


if __name__ == "__main__":
    main()
