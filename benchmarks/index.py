"""Measures merges of ten versions into an index: `.venv/bin/python -m benchmarks.index [SIZE...]`.

Each merge runs in a process of its own, which tells its time, from disk to disk, and the most
memory that it held; see README.md.
"""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import ROOT
from benchmarks.measure import Comparison, in_turn, machine, peak, report

if TYPE_CHECKING:
    from kargo_release.charts.index import Entry

_SIZES = (1_000, 100_000)  # versions
_VERSIONS = 100  # of each chart
_NEW = 10
_TURNS = {1_000: 7, 100_000: 1}  # Helm takes half a minute for the latter
_NOW = "2026-01-31T12:00:00Z"
_OURS, _HELMS = "we wrote", "Helm wrote"
_AIMS = {_OURS: 1 / 40, _HELMS: 1.0}


@dataclass
class Merge:
    """A way to merge into one index, each time anew; it keeps the peak of all turns."""

    command: str
    index: Path
    folders: Iterator[Path]
    peak: int = 0

    def __call__(self) -> float:
        """Merge, and return the seconds."""
        folder = next(self.folders)
        shutil.copytree(self.index.parent / "new", folder)
        shutil.copyfile(self.index, folder / "index.yaml")
        words = [sys.executable, "-m", "benchmarks.index", self.command, str(folder)]
        ended = subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        shutil.rmtree(folder)
        seconds, peak = json.loads(ended.stdout.splitlines()[-1])
        self.peak = max(self.peak, peak)
        return float(seconds)


def main() -> None:
    """Measure, or be the process that is measured."""
    commands: dict[str, Callable[[Path], float]] = {
        "ours": _ours,
        "Helm SDK": _helm_sdk,
        "helm": _helm_program,
    }
    if sys.argv[1:] and sys.argv[1] in commands:
        seconds = commands[sys.argv[1]](Path(sys.argv[2]))
        started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        print(json.dumps([seconds, started or peak()]))
        return
    print(f"{machine()}\n")
    for size in map(int, sys.argv[1:] or _SIZES):
        with TemporaryDirectory(prefix="kargo-release-benchmark-") as folder:
            print(_measured(size, Path(folder)), flush=True)


def _measured(size: int, folder: Path) -> str:
    indexes = {_OURS: folder / "ours.yaml", _HELMS: folder / "helms.yaml"}
    _write(size, folder, indexes)
    folders = (folder / str(number) for number in count())
    peers = ["Helm SDK", *(["helm"] if shutil.which("helm") else [])]
    merges = {
        f"{command}, on one that {writer}": Merge(command, path, folders)
        for writer, path in indexes.items()
        for command in ("ours", *peers)
    }
    times = in_turn(merges, _TURNS.get(size, 3))
    told = report(_title(size, indexes), times, list(_comparisons(peers)))
    peaks = "".join(f"peak of {name}: {it.peak >> 20} MB\n" for name, it in merges.items())
    return f"{told}\n{peaks}"


def _comparisons(peers: list[str]) -> Iterator[Comparison]:
    for writer, aim in _AIMS.items():
        for peer in peers:
            title = f"ours / {peer}, on one that {writer}"
            against = (f"{peer}, on one that {writer}",)
            yield Comparison(title, f"ours, on one that {writer}", against, aim)


def _title(size: int, indexes: dict[str, Path]) -> str:
    largest = max(path.stat().st_size for path in indexes.values())
    return f"{_NEW} new versions into {size:,} ({largest / 1e6:.1f} MB)"


def _write(size: int, folder: Path, indexes: dict[str, Path]) -> None:
    """Write an index as we do and one as Helm does, and the archives of what is new."""
    from kargo_release.charts.index import EMPTY, merge, render

    entries = [_entry(number) for number in range(size)]
    indexes[_OURS].write_bytes(render(merge(EMPTY, entries, _NOW)))
    copy = folder / "copy"
    copy.mkdir()
    _helm_merge(copy, indexes[_OURS])
    (copy / "index.yaml").rename(indexes[_HELMS])
    (folder / "new").mkdir()
    for entry, tgz in _new():
        (folder / "new" / entry.url).write_bytes(tgz)


def _entry(number: int) -> "Entry":
    from kargo_release.charts.index import Entry

    name, version = f"application-{number // _VERSIONS:04}", f"1.{number % _VERSIONS}.0"
    about = {
        "name": name,
        "version": version,
        "description": "An application of the platform",
        "apiVersion": "v2",
        "appVersion": version,
        "type": "application",
    }
    return Entry(about, sha256(f"{name}-{version}".encode()).hexdigest(), _NOW)


def _new() -> Iterator[tuple["Entry", bytes]]:
    """Yield the entry and the archive of a new version of each of ten charts."""
    from kargo_release.charts.archive import EPOCH, PackedFile, pack
    from kargo_release.charts.index import Entry

    for number in range(_NEW):
        about = {"apiVersion": "v2", "name": f"application-{number:04}", "version": "2.0.0"}
        files = [PackedFile("Chart.yaml", json.dumps(about).encode())]
        packed = pack(about["name"], about["version"], files, EPOCH)
        yield Entry(about, packed.sha256, _NOW), packed.tgz


def _ours(folder: Path) -> float:
    from kargo_release.bucket.folder import FolderStore
    from kargo_release.charts.index_store import update

    entries = [entry for entry, _ in _new()]
    store = FolderStore(folder)
    store.check_writable()  # a release does before; it loads what locks folders
    start = perf_counter()
    update(store, entries, _NOW)
    return perf_counter() - start


def _helm_sdk(folder: Path) -> float:
    import helm_python  # noqa: F401 - loading it does not count

    start = perf_counter()
    _helm_merge(folder, folder / "index.yaml")
    return perf_counter() - start


def _helm_merge(folder: Path, index: Path) -> None:
    import helm_python

    helm_python.repo_index_generate(folder, merge=index)


def _helm_program(folder: Path) -> float:
    words = ["helm", "repo", "index", str(folder), "--merge", str(folder / "index.yaml")]
    start = perf_counter()
    subprocess.run(words, check=True, stdout=sys.stderr)
    return perf_counter() - start


if __name__ == "__main__":
    main()
