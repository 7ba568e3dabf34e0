"""A repository with a history: charts, commits and releases, the same at every call.

It is written by `git fast-import`, whose format git-fast-import(1) has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sandbox import Sandbox

from benchmarks.charts import application, library
from kargo_release.charts import metadata
from kargo_release.yamlfile import replace_scalar

RELEASES = 5  # of each chart
CHANGED = "application-01"  # the chart that the last commit changes: it stands alone

_ON_LIBRARY = 3  # every third application packs the library
_START = 1_700_000_000  # the time of the first commit

Files = Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A change of one chart: its files after it, and the version that is then tagged, if any."""

    chart: str
    files: Files
    release: str = ""


def write_history(folder: Path, charts: int, commits: int) -> Sandbox:
    """Make a clone as a CI job has it: one pack, packed refs, the charts checked out.

    Each chart is released five times; its newest release is somewhere in the last nine tenths of
    history and holds what HEAD has, but for one chart, which the last commit changes.

    Args:
        folder: Where it is made; not there yet.
        charts: How many charts there are, the library included.
        commits: How many commits.
    """
    sandbox = Sandbox.make(folder)
    made = [library(), *(_application(number) for number in range(charts - 1))]
    history = _history(made, commits)
    stream = "".join(_stream(history))
    sandbox.git("fast-import", "--quiet", stdin=stream)
    sandbox.git("repack", "-a", "-d", "-q")
    sandbox.git("pack-refs", "--all")
    sandbox.git("reset", "--quiet", "--hard")
    return sandbox


def _application(number: int) -> tuple[str, Files]:
    name, files = application(number)
    if number % _ON_LIBRARY == 0:
        return name, files
    alone, _, _ = files["Chart.yaml"].partition("dependencies:")
    return name, {**files, "Chart.yaml": alone}


def _history(charts: Sequence[tuple[str, Files]], commits: int) -> list[list[Change]]:
    """Return the changes of each commit; the first adds all charts."""
    history: list[list[Change]] = [[] for _ in range(commits)]
    history[0] = [Change(name, files) for name, files in charts]
    random = Random(0)  # noqa: S311 - the same history at every call
    first, last = commits // 10, commits - 2
    rounds = max(1, commits // len(charts) // RELEASES)  # changes from one release to the next
    for name, files in charts:
        # The library is at rest before anything that packs it is released for the last time.
        end = first if name == charts[0][0] else random.randint(first, last)
        times = sorted(random.choices(range(1, end), k=RELEASES * rounds - 1))
        changes = _changes(name, files, rounds)
        for time, change in zip([*times, end], changes, strict=True):
            history[time].append(change)
    history[-1] = [Change(CHANGED, {"values.yaml": "replicas: 0\n"})]
    return history


def _changes(name: str, files: Files, rounds: int) -> Iterator[Change]:
    chart_file = files["Chart.yaml"].encode()
    first = metadata.read(chart_file, name).version.removesuffix("0")
    for number in range(1, RELEASES * rounds + 1):
        values = {"values.yaml": f"{files['values.yaml']}# {number}\n"}
        if number % rounds:
            yield Change(name, values)
        else:
            version = f"{first}{number // rounds}"
            about = replace_scalar(chart_file, "version", version, name)
            yield Change(name, {**values, "Chart.yaml": about.decode()}, version)


def _stream(history: Sequence[Sequence[Change]]) -> Iterator[str]:
    for number, changes in enumerate(history):
        who = f"Ada <ada@example.com> {_START + number} +0000\n"
        yield f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}{_data('Change')}"
        yield _file("README.md", f"{number}\n")
        for each in changes:
            for path, text in each.files.items():
                yield _file(f"charts/{each.chart}/{path}", text)
        for each in changes:
            if each.release:
                tag = f"{each.chart}-{each.release}"
                yield f"tag {tag}\nfrom :{number + 1}\ntagger {who}{_data(f'Release {tag}')}"


def _file(path: str, text: str) -> str:
    return f"M 100644 inline {path}\n{_data(text)}"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
