"""Measures changed-charts against the floor: `.venv/bin/python -m benchmarks.changes`.

The floor is what any such command must do: start invoke, list the tags, and find each chart's tree
at its release. All are timed in one run, in repositories of several sizes; see README.md.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox import PROGRAM, Sandbox

from benchmarks.bench import quiet, run
from benchmarks.history import CHANGED, write_history
from benchmarks.measure import HEADER, Comparison, Times, in_turn, machine, report, seconds
from benchmarks.memory import Peaks, megabytes
from kargo_release.charts.changes.releases import Releases
from kargo_release.console import table
from kargo_release.git.repository import Repository

_SIZES = ((10, 1_000), (10, 10_000), (100, 1_000), (100, 10_000), (1_000, 1_000), (1_000, 10_000))
_MAIN = (1_000, 20_000)
_TURNS = 11
_LARGEST = 100 << 20  # bytes

_OURS = "changed-charts"
_FLOOR = ("invoke --list, no tasks", "git tag", "git cat-file of releases")
_IDLE = "release-changed"
_SINCE, _CT = "changed-charts --since", "ct list-changed"


def main() -> None:
    """Measure each size, the last one in detail; print the tables."""
    print(f"{machine()}\n")
    with TemporaryDirectory(prefix="kargo-release-benchmark-") as folder, quiet(folder):
        rows = []
        for charts, commits in (*_SIZES, _MAIN):
            title = f"{charts:,} charts, {commits:,} commits"
            clone = write_history(Path(folder, title), charts, commits)
            times = in_turn(_works(clone, charts), _TURNS)
            rows.append((*Comparison(title, _OURS, _FLOOR, 2.0).row(times), *_memory(clone)))
            shutil.rmtree(clone.path)
        print(table((*HEADER, "peak", "with Git's"), rows))
        print(f"\n{report(title, times, [*_comparisons(times)])}")


def _works(clone: Sandbox, charts: int) -> dict[str, Callable[[], float]]:
    """Return what is measured; each makes sure of what it finds."""
    empty = clone.path / "empty"
    empty.mkdir()
    (empty / "tasks.py").touch()
    releases = _releases(clone)
    invoke, ours, floor = str(PROGRAM.parent / "invoke"), str(PROGRAM), iter(_FLOOR)
    idle = _before_the_change(clone)
    works: dict[str, Callable[[], float]] = {
        _OURS: lambda: seconds(lambda: _changed(clone, charts)),
        _IDLE: lambda: seconds(lambda: _released(idle)),
        next(floor): lambda: seconds(lambda: run([invoke, "--list"], empty, ends_with=1)),
        next(floor): lambda: seconds(lambda: clone.git("tag")),
        next(floor): lambda: seconds(lambda: clone.git(*_CHECK, stdin=releases)),
        "kargo-release --list": lambda: seconds(lambda: run([ours, "--list"], clone.path)),
    }
    if shutil.which("ct"):
        clone.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
        works[_SINCE] = lambda: seconds(lambda: _changed(clone, charts, "--since", "origin/main"))
        works[_CT] = lambda: seconds(lambda: _changed_by_ct(clone))
    return works


_CHECK = ("cat-file", "--batch-check")


def _releases(clone: Sandbox) -> str:
    """Return what Git is asked for: the tree of each chart at its last release."""
    names = sorted(path.name for path in (clone.path / "charts").iterdir())
    known = Releases(Repository.open(clone.path), "{name}-{version}", names)
    last = {name: known.last(name) for name in names}
    return "".join(f"{each.tag}:charts/{name}\n" for name, each in last.items() if each)


def _changed(clone: Sandbox, charts: int, *words: str) -> None:
    found = json.loads(run([str(PROGRAM), _OURS, "--json", *words], clone.path))
    changed = [each["name"] for each in found["charts"]]
    if (changed, found["unchanged"]) != ([CHANGED], charts - 1):
        raise AssertionError(f"changed are {changed}, unchanged {found['unchanged']}")


def _before_the_change(clone: Sandbox) -> Sandbox:
    """Return a clone in which all is released."""
    idle = Sandbox(clone.path / "idle")
    clone.git("clone", "--quiet", "--shared", "--no-checkout", ".", str(idle.path))
    idle.git("checkout", "--quiet", "--detach", "HEAD~1")
    return idle


def _released(clone: Sandbox) -> None:
    if (said := run([str(PROGRAM), _IDLE], clone.path)) != "nothing to release\n":
        raise AssertionError(f"release-changed said {said}")


def _changed_by_ct(clone: Sandbox) -> None:
    if (changed := run(["ct", "list-changed"], clone.path)) != f"charts/{CHANGED}\n":
        raise AssertionError(f"changed is {changed}")


def _memory(clone: Sandbox) -> tuple[str, str]:
    """Return the most memory that we held, and that of us and Git together."""
    process = subprocess.Popen(
        [str(PROGRAM), _OURS, "--json"],
        cwd=clone.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks = Peaks(process.pid)
    peaks.start()
    process.wait()
    peaks.join()
    return megabytes(peaks.own, _LARGEST), megabytes(peaks.together, _LARGEST)


def _comparisons(times: Times) -> Iterator[Comparison]:
    yield Comparison("changed-charts / floor", _OURS, _FLOOR, 2.0)
    yield Comparison("release-changed, nothing to do / floor", _IDLE, _FLOOR, 2.0)
    yield Comparison("changed-charts / start-up", _OURS, ("kargo-release --list",))
    if _CT in times:
        yield Comparison("changed-charts --since / ct", _SINCE, (_CT,))


if __name__ == "__main__":
    main()
