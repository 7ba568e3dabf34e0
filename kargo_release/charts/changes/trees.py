"""Which charts may have changed, told by Git's trees alone: most have not, and are not even read.

A chart's packed content is made of its own folder and of those that it packs by ``file://``. Where
all of these are the same trees as before, the content is the same.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from kargo_release import yamlfile
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import InvalidError
from kargo_release.git import objects
from kargo_release.git.repository import Repository

# Every value that can be a file:// dependency, and perhaps some that are none: a comment's.
_LOCAL = re.compile(rb"file://([^\s\"',}\]#]+)")
# Where one ends as nearly all do, what was found is all of it.
_WHOLE = re.compile(rb"file://[^\s\"',}\]#]+[\"']?[ \t\r]*(?:[ \t]#.*)?$", re.MULTILINE)
_VERSION = re.compile(
    rb"^version:[ \t]*[\"']?([0-9A-Za-z.+-]+)[\"']?[ \t\r]*(?:#.*)?$", re.MULTILINE
)


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
        self._trees = dict(_folders(listing))
        self._read(self._trees)
        self.names = sorted(posixpath.basename(each) for each in self._trees if each in self._needs)
        """The folders with a Chart.yaml."""
        self.others = sorted(map(posixpath.basename, self._trees.keys() - self._needs.keys()))
        """The folders without."""
        self.is_there = bool(listing)
        """Whether there is anything where charts should be."""

    def version(self, name: str) -> str:
        """Return what a chart's Chart.yaml says; empty where that can't be read."""
        return self._versions.get(f"{self._folder}/{name}", "")

    def touched(self, before: Mapping[str, str]) -> set[str]:
        """Return the charts that may hold something else than at another commit.

        Args:
            before: The commit of each chart that is asked for. Git is asked in this order, and is
                fastest where commits that are near each other in history follow each other.
        """
        folders = {name: self._packed(f"{self._folder}/{name}") for name in before}
        elsewhere = {each for found in folders.values() for each in found} - self._trees.keys()
        asked = [f"{self._commit}:{each}" for each in sorted(elsewhere)]
        asked += [f"{before[name]}:{each}" for name, found in folders.items() for each in found]
        oids = objects.resolve(self._repository, asked)
        now = {each: oids.get(f"{self._commit}:{each}") for each in elsewhere} | self._trees
        return {
            name
            for name, found in folders.items()
            if self._doubtful & found
            or any(now[each] != oids.get(f"{before[name]}:{each}") for each in found)
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
        asked: set[str] = set()
        waiting = {*folders}
        while waiting:
            asked |= waiting
            self._learn({each: self._chart_file(each) for each in waiting})
            waiting = {each for needs in self._needs.values() for each in needs} - asked

    def _learn(self, files: Mapping[str, str]) -> None:
        found = objects.read(self._repository, files.values())
        for folder in [each for each, file in files.items() if file in found]:
            data = found[files[folder]].data
            self._needs[folder] = tuple(_needs(folder, data))
            self._versions[folder] = _version(data)
            is_whole = len(_WHOLE.findall(data)) == data.count(b"file:")
            if b"\\" in data or not is_whole:  # a text may be written in another way
                self._doubtful.add(folder)

    def _chart_file(self, folder: str) -> str:
        """Return what Git finds a chart's file by: from its tree where that is known, for speed."""
        tree = self._trees.get(folder)
        return f"{tree}:{CHART_FILE}" if tree else f"{self._commit}:{folder}/{CHART_FILE}"


def _folders(listing: bytes) -> Iterator[tuple[str, str]]:
    """Yield the folders of a listing of git-ls-tree(1), and their trees."""
    for line in filter(None, listing.split(b"\0")):
        about, path = line.split(b"\t", 1)
        _, kind, oid = about.split(b" ")
        if kind == b"tree":
            yield path.decode(errors="surrogateescape"), oid.decode()


def _needs(folder: str, chart_file: bytes) -> Iterator[str]:
    for found in _LOCAL.findall(chart_file):
        path = posixpath.normpath(posixpath.join(folder, found.decode(errors="surrogateescape")))
        if not path.startswith(("..", "/")) and path != ".":
            yield path


def _version(chart_file: bytes) -> str:
    """Return the version, in most files without reading all of the YAML, which takes a while."""
    found = _VERSION.findall(chart_file)
    if len(found) == 1:
        return str(found[0].decode())
    try:
        version = yamlfile.read_mapping(chart_file, CHART_FILE).get("version")
    except InvalidError:  # told of the chart when it is packed
        return ""
    return version if isinstance(version, str) else ""
