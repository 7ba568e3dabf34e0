"""Takes times in turn, so that whatever else the machine does meets all alike."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from kargo_release.console import table

Times = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Comparison:
    """Two of the times: ours, and what it is measured against.

    Args:
        title: What is compared.
        ours: The name of our times.
        peer: The names of the peer's; their times are added up.
        aim: What the ratio should stay below; None where it only informs.
    """

    title: str
    ours: str
    peer: tuple[str, ...]
    aim: float | None = None

    def row(self, times: Times) -> tuple[str, ...]:
        """Return the medians, their ratio, and the lowest and highest ratio of one turn."""
        ours = times[self.ours]
        peer = [sum(turn) for turn in zip(*(times[name] for name in self.peer), strict=True)]
        ratios = [one / other for one, other in zip(ours, peer, strict=True)]
        return (
            self.title,
            f"{median(ours):.3f} s",
            f"{median(peer):.3f} s",
            _ratio(median(ours) / median(peer)),
            f"{_ratio(min(ratios))} to {_ratio(max(ratios))}",
            "" if self.aim is None else f"{self.aim:g}",
        )


def _ratio(number: float) -> str:
    return f"{number:.2f}" if number > 0.1 else f"{number:.4f}"


HEADER = ("", "ours", "against", "ratio", "in single turns", "aim: below")


def in_turn(works: Mapping[str, Callable[[], float]], turns: int) -> Times:
    """Return the seconds that each work takes in each turn; a first turn warms up.

    Args:
        works: They take their own time, for what they prepare does not count.
        turns: How many count.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(turns + 1):
        for name, work in works.items():
            seconds = work()
            if turn:
                times[name].append(seconds)
    return times


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def report(title: str, times: Times, comparisons: Sequence[Comparison]) -> str:
    """Return what was measured as a table of comparisons and one of all the times."""
    compared = table(HEADER, [each.row(times) for each in comparisons])
    rows = [
        (name, f"{median(taken):.3f} s", f"{min(taken):.3f} to {max(taken):.3f} s")
        for name, taken in times.items()
    ]
    return f"{title}\n\n{compared}\n\n{table(('time', 'median', 'spread'), rows)}\n"


def peak() -> int:
    """Return the most bytes that this process held in memory (proc(5), status, VmHWM)."""
    # getrusage would count the process that started this one, too.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def machine() -> str:
    """Return what was measured on."""
    python = f"Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, {python}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
