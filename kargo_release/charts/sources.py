"""The charts of one tree of the repository: what each folder holds, before it is packed."""

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from kargo_release import yamlfile
from kargo_release.charts import metadata, packed
from kargo_release.charts.ignore import IgnoreRules
from kargo_release.charts.metadata import Metadata
from kargo_release.errors import InvalidError, hint
from kargo_release.git.tree import Entry, Tree

CHART_FILE = "Chart.yaml"
_IGNORE_FILE = ".helmignore"
_LONGEST_LINK = 4096  # bytes of a target, as Linux allows
_MOST_LINKS = 40  # one behind the other, as Linux follows
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True)
class ChartSource:
    """A chart's folder: its metadata, and the files that Helm would pack of it.

    ``files`` are the blobs by their path inside of the chart.
    """

    folder: str
    metadata: Metadata
    files: Mapping[str, Entry]
    rules: IgnoreRules

    @property
    def name(self) -> str:
        """The chart's name, which is its folder's too."""
        return self.metadata.name


class Sources:
    """The charts of one tree, each read when it is first asked for."""

    def __init__(self, tree: Tree, folder: str, names: Sequence[str] | None = None) -> None:
        """Look at what there is.

        Args:
            tree: Where charts are.
            folder: The folder of the tree that they are in.
            names: All that `named` will be asked for, so that nothing else is read; None where
                that is not known.
        """
        self._tree = tree
        self._folder = folder
        self._charts: dict[str, ChartSource] = {}
        self._rules_of: dict[str, IgnoreRules] = {}
        self._is_whole = names is None
        folders = None if names is None else [name for name in names if _is_plain(name)]
        self._folders = _by_folder(tree.entries(folder, folders), folder)
        self._small = self._read_small(entry for each in self._folders.values() for entry in each)

    @cached_property
    def names(self) -> list[str]:
        """The names of all folders that hold a chart, or what is left of one."""
        if self._is_whole:
            folders = self._folders
        else:
            folders = _by_folder(self._tree.entries(self._folder), self._folder)
        return sorted(
            posixpath.basename(folder)
            for folder, entries in folders.items()
            if any(_is_of_chart(entry.path[len(folder) + 1 :]) for entry in entries)
        )

    def named(self, name: str) -> ChartSource:
        """Return the chart called ``name``.

        Raises:
            InvalidError: There is none (the nearest is offered), or it breaks a rule.
        """
        folder = f"{self._folder}/{name}"
        if not _is_plain(name) or folder not in self._folders:
            raise InvalidError(
                f"there is no chart {name!r:.100} in {self._folder}/",
                hint(posixpath.basename(name.rstrip("/")), self.names)
                or f"Charts are folders below {self._folder}/.",
            )
        return self.at(folder)

    def at(self, folder: str) -> ChartSource:
        """Return the chart in a folder of the repository, wherever that is.

        Raises:
            InvalidError: There is none, or it breaks a rule.
        """
        if folder not in self._charts:
            if folder not in self._folders:
                self._folders[folder] = self._tree.entries(folder)
                self._small.update(self._read_small(self._folders[folder]))
            self._charts[folder] = self._read(folder)
        return self._charts[folder]

    def contents(self, charts: Sequence[ChartSource]) -> dict[str, bytes]:
        """Return the blobs of all files of ``charts`` by object name, in one run of Git.

        Raises:
            InvalidError: A blob is a pointer of Git LFS, not the file.
        """
        entries = [entry for chart in charts for entry in chart.files.values()]
        blobs = self._tree.read([entry.oid for entry in entries if entry.oid not in self._small])
        blobs |= self._small
        for entry in entries:
            _refuse_pointer(entry.path, blobs[entry.oid])
        return blobs

    def _read_small(self, entries: Iterable[Entry]) -> dict[str, bytes]:
        """Return the files that say what a chart is, and the targets of links."""
        names = (CHART_FILE, _IGNORE_FILE)
        wanted = (
            entry.oid
            for entry in entries
            if (entry.is_link and entry.size <= _LONGEST_LINK)
            or (posixpath.basename(entry.path) in names and entry.size <= yamlfile.SIZE_LIMIT)
        )
        return self._tree.read(list(wanted))

    def _read(self, folder: str) -> ChartSource:
        entries = {entry.path[len(folder) + 1 :]: entry for entry in self._folders[folder]}
        if not entries:
            raise InvalidError(f"there is no folder {folder}/ with files", "Look at its name.")
        if CHART_FILE not in entries:
            raise InvalidError(f"{folder}/ has no {CHART_FILE}", "Write one, or remove the folder.")
        about = metadata.read(self._text(entries[CHART_FILE]), entries[CHART_FILE].path)
        _check_name(about, folder)
        rules = self._rules(entries.get(_IGNORE_FILE))
        files = {path: entries[path] for path in rules.kept(entries)}
        files = self._without_links(folder, files, entries)
        files = {path: files[path] for path in rules.kept(files)}
        _check_files(folder, files)
        return ChartSource(folder, about, files, rules)

    def _text(self, entry: Entry) -> bytes:
        kind = "a symbolic link" if entry.is_link else f"{entry.size / yamlfile.SIZE_LIMIT:.1f} MiB"
        if entry.is_link or entry.oid not in self._small:
            raise InvalidError(
                f"{entry.path} is {kind}", "It must be a plain file of at most 1 MiB."
            )
        return self._small[entry.oid]

    def _rules(self, ignore_file: Entry | None) -> IgnoreRules:
        if ignore_file is None:
            return IgnoreRules.parse("")
        text = self._text(ignore_file).decode(errors="surrogateescape")
        if text not in self._rules_of:  # charts often have the same
            try:
                self._rules_of[text] = IgnoreRules.parse(text)
            except InvalidError as error:
                raise InvalidError(f"{ignore_file.path}: {error.message}", error.remedy) from None
        return self._rules_of[text]

    def _without_links(
        self, folder: str, files: Mapping[str, Entry], entries: Mapping[str, Entry]
    ) -> dict[str, Entry]:
        """Return the files with each symbolic link replaced by what it stands for."""
        plain: dict[str, Entry] = {}
        paths = sorted(entries)
        waiting = [(path, entry, 0) for path, entry in files.items()]
        while waiting:
            path, entry, hops = waiting.pop()
            _check_text(f"{folder}/{path}")
            if not entry.is_link:
                plain[path] = replace(entry, path=f"{folder}/{path}")
                continue
            packed.check_total(len(plain) + len(waiting), 0)
            found = _below(self._target(folder, entry), paths)
            if not found or hops >= _MOST_LINKS:
                raise InvalidError(
                    f"{entry.path} is a symbolic link that leads nowhere",
                    "Let it name a file or a folder of the same chart.",
                )
            waiting += [(path + rest, entries[each], hops + 1) for rest, each in found.items()]
        return plain

    def _target(self, folder: str, link: Entry) -> str:
        """Return what a link names, as a path inside of the chart."""
        target = self._small.get(link.oid, b"/").decode(errors="surrogateescape")
        resolved = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), target))
        if target.startswith("/") or not resolved.startswith(f"{folder}/"):
            raise InvalidError(
                f"{link.path} is a symbolic link that leaves the chart",
                "Copy what it names into the chart, or share it through a library chart.",
            )
        return resolved[len(folder) + 1 :]


def _is_plain(name: str) -> bool:
    """Whether it can be a folder's name."""
    return "/" not in name and name not in ("", ".", "..")


def _is_of_chart(path: str) -> bool:
    """Whether a file shows that its folder is a chart's, if one whose Chart.yaml was lost."""
    return path in (CHART_FILE, "values.yaml") or path.startswith("templates/")


def _by_folder(entries: Iterable[Entry], folder: str) -> dict[str, list[Entry]]:
    folders: dict[str, list[Entry]] = {}
    for entry in entries:
        first, slash, _ = entry.path[len(folder) + 1 :].partition("/")
        if slash:
            folders.setdefault(f"{folder}/{first}", []).append(entry)
    return folders


def _below(target: str, paths: Sequence[str]) -> dict[str, str]:
    """Return the path ``target``, or those of the files in it, by what follows ``target``.

    Args:
        target: A file or a folder.
        paths: Sorted.
    """
    start = bisect_left(paths, target)
    if paths[start : start + 1] == [target]:
        return {"": target}
    first, end = bisect_left(paths, f"{target}/"), bisect_left(paths, f"{target}0")
    return {path[len(target) :]: path for path in paths[first:end]}


def _check_name(about: Metadata, folder: str) -> None:
    if about.name != posixpath.basename(folder):
        raise InvalidError(
            f"{folder}/{CHART_FILE} says that the chart is called {about.name}",
            f"Call the folder {about.name}, or the chart {posixpath.basename(folder)}.",
        )


def _check_files(folder: str, files: Mapping[str, Entry]) -> None:
    if CHART_FILE not in files:
        raise InvalidError(
            f"{folder}/{_IGNORE_FILE} leaves out {CHART_FILE}",
            "Mend its rules: `!name` leaves out all that is not called name.",
        )
    for entry in files.values():
        if entry.is_submodule:
            raise InvalidError(
                f"{entry.path} is a submodule, whose files this repository does not hold",
                "Copy what the chart needs, or name it in .helmignore.",
            )
        packed.check_size(entry.path, entry.size)
    packed.check_total(len(files), sum(entry.size for entry in files.values()))


def _check_text(path: str) -> None:
    """Raise InvalidError for bytes that are no UTF-8, which Git keeps and Python escapes."""
    if any("\ud800" <= character <= "\udfff" for character in path):
        name = path.encode(errors="surrogateescape")
        raise InvalidError(
            f"the file name {name!r:.200} is not UTF-8", "Rename the file: Helm can't pack it."
        )


def _refuse_pointer(path: str, data: bytes) -> None:
    if data.startswith(_LFS_POINTER):
        raise InvalidError(
            f"{path} is kept by Git LFS: the commit holds only a pointer to it",
            "Commit the file itself (`git lfs untrack`), or name it in .helmignore.",
        )
