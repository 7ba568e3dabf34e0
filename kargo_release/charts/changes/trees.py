"""Which charts may have changed, told by Git's trees alone: most have not, and are not even read.

A chart's packed content is made of its own folder and of those that it packs by ``file://``. Where
all of these are the same trees as before, the content is the same.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from kargo_release.charts.sources import CHART_FILE
from kargo_release.git import objects
from kargo_release.git.repository import Repository

# Every value that can be a file:// dependency, and perhaps some that are none: a comment's.
_LOCAL = re.compile(rb"file://([^\s\"',}\]#]+)")
_VERSION = re.compile(rb"^version:[ \t]*[\"']?([0-9A-Za-z.+-]+)", re.MULTILINE)


class ChartTrees:
    """The folders of charts at a commit, and which others each may pack.

    Args:
        repository: The clone.
        commit: The commit.
        folder: Where charts are.
    """

    def __init__(self, repository: Repository, commit: str, folder: str) -> None:
        self._repository = repository
        self._commit = commit
        self._folder = folder
        self._versions: dict[str, str] = {}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._doubtful: set[str] = set()
        listing = repository.run(["ls-tree", "-z", "--full-tree", commit, "--", f"{folder}/"])
        lines = [line.split(b"\t", 1) for line in listing.split(b"\0") if line]
        folders = [
            path.decode(errors="surrogateescape") for kind, path in lines if b" tree " in kind
        ]
        self._read(folders)
        self.names = sorted(posixpath.basename(each) for each in folders if each in self._needs)
        """The folders with a Chart.yaml."""

    def version(self, name: str) -> str:
        """Return what a chart's Chart.yaml says, at a glance; empty where that does not tell."""
        return self._versions.get(f"{self._folder}/{name}", "")

    def touched(self, before: Mapping[str, str]) -> set[str]:
        """Return the charts that may hold something else than at another commit.

        Args:
            before: The commit of each chart that is asked for.
        """
        folders = {name: self._packed(f"{self._folder}/{name}") for name in before}
        every = {f"{self._commit}:{each}" for found in folders.values() for each in found}
        every |= {f"{before[name]}:{each}" for name, found in folders.items() for each in found}
        oids = objects.resolve(self._repository, every)
        return {
            name
            for name, found in folders.items()
            if self._doubtful & found
            or any(
                oids.get(f"{self._commit}:{each}") != oids.get(f"{before[name]}:{each}")
                for each in found
            )
        }

    def _packed(self, folder: str) -> set[str]:
        """Return the folder of a chart, and all that it may pack at any depth."""
        found: set[str] = set()
        waiting = [folder]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += self._needs.get(each, ())
        return found

    def _read(self, folders: Iterable[str]) -> None:
        """Learn what charts need, and what those need, wherever they are."""
        waiting = set(folders)
        while waiting:
            paths = {f"{self._commit}:{each}/{CHART_FILE}": each for each in waiting}
            for path, held in objects.read(self._repository, paths).items():
                self._needs[paths[path]] = tuple(_needs(paths[path], held.data))
                self._versions[paths[path]] = _version(held.data)
                if b"\\" in held.data:  # a text may be written in another way
                    self._doubtful.add(paths[path])
            needed = {each for needs in self._needs.values() for each in needs}
            waiting = needed - self._needs.keys() - waiting


def _needs(folder: str, chart_file: bytes) -> Iterator[str]:
    for found in _LOCAL.findall(chart_file):
        path = posixpath.normpath(posixpath.join(folder, found.decode(errors="surrogateescape")))
        if not path.startswith(("..", "/")) and path != ".":
            yield path


def _version(chart_file: bytes) -> str:
    found = _VERSION.search(chart_file)
    return found[1].decode() if found else ""
