"""Measures releases of 10, 100 and 1,000 charts: `.venv/bin/python -m benchmarks.scale`.

Time should grow as the number of charts does, and memory stay small; see README.md.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from time import perf_counter

from sandbox import PROGRAM

from benchmarks.bench import Bench, bench
from benchmarks.measure import machine
from benchmarks.memory import Peaks, megabytes
from kargo_release.console import table

_SIZES = (10, 100, 1000)
_TURNS = 3
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
        peaks = (megabytes(max(each[at] for each in taken), _LARGEST) for at in (1, 2))
        each = f"{seconds / size * 1000:.1f} ms"
        yield str(size), title, f"{seconds:.2f} s", each, *peaks


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
    peaks = Peaks(process.pid)
    peaks.start()
    if process.wait():
        sys.exit(f"error: the release ended with {process.returncode}")
    taken = perf_counter() - start
    peaks.join()
    return taken, peaks.own, peaks.together


if __name__ == "__main__":
    main()
