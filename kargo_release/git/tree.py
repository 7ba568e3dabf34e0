"""The files of a tree: of a commit, or of the working tree as it would be committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kargo_release.errors import FailedError
from kargo_release.git.batch import Object, parsed

_LINK, _SUBMODULE = "120000", "160000"
_FEW = 100  # folders that Git is asked for by name; of more it lists all, which takes it no longer


class Clone(Protocol):
    """Where Git is run: the repository."""

    root: Path

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run Git and return what it prints."""
        ...


@dataclass(frozen=True)
class Entry:
    """A file of a tree: its path from the repository's root, its blob, and the size in bytes."""

    path: str
    oid: str
    size: int
    mode: str

    @property
    def is_link(self) -> bool:
        """Whether the blob is the target of a symbolic link."""
        return self.mode == _LINK

    @property
    def is_submodule(self) -> bool:
        """Whether the entry is another repository's commit, which holds no blob here."""
        return self.mode == _SUBMODULE


class Tree:
    """The files of one tree: of a commit, or of the working tree as it would be committed."""

    def __init__(self, repository: Clone, name: str, environment: Mapping[str, str]) -> None:
        self._repository = repository
        self._name = name
        self._environment = environment

    def entries(self, folder: str, names: Sequence[str] | None = None) -> list[Entry]:
        """Return every file at any depth below ``folder``, sorted by path.

        Args:
            folder: A folder of the repository.
            names: Those of its folders that matter; others may be left out. None for all.
        """
        paths = [f"{folder}/"]
        if names is not None and len(names) <= _FEW:
            paths = [f"{folder}/{name}/" for name in names]
        if not paths:  # of none Git would list all
            return []
        listing = self._repository.run(
            ["ls-tree", "-r", "-l", "-z", "--full-tree", self._name, "--", *paths],
            environment=self._environment,
        )
        return [_entry(line) for line in listing.split(b"\0") if line]

    def read(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Return the blobs by object name, all in one run of Git."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        output = self._repository.run(
            ["cat-file", "--batch"],
            stdin="".join(f"{oid}\n" for oid in wanted).encode(),
            environment=self._environment,
        )
        return dict(map(_blob, wanted, parsed(output)))


class WorkingTree(Tree):
    """The working tree, of which each folder is taken in as it is asked for."""

    def entries(self, folder: str, names: Sequence[str] | None = None) -> list[Entry]:
        """Return every file at any depth below ``folder`` as it is now: see `Tree.entries`."""
        is_there = (self._repository.root / folder).exists()
        take_in = ["add", "--all"] if is_there else ["rm", "-r", "--cached", "--ignore-unmatch"]
        try:
            self._run([*take_in, "--", folder])
        except FailedError:
            if not self._take_in_repositories(folder):
                raise
            self._run([*take_in, "--", folder])
        self._name = self._run(["write-tree"]).decode().strip()
        return super().entries(folder, names)

    def _take_in_repositories(self, folder: str) -> bool:
        """Take in each repository below ``folder`` as a submodule; return whether there are any.

        Git can't add one without a commit, and then adds nothing. As it can't look into it either,
        it lets any object's name stand for that commit.
        """
        listing = self._run(["ls-files", "--others", "--exclude-standard", "-z", "--", folder])
        found = [path[:-1] for path in listing.split(b"\0") if path.endswith(b"/")]
        some = self._run(["rev-parse", self._name]).strip()
        lines = [b"%b %b\t%b\0" % (_SUBMODULE.encode(), some, path) for path in found]
        self._run(["update-index", "-z", "--index-info"], b"".join(lines))
        return bool(found)

    def _run(self, command: Sequence[str], stdin: bytes = b"") -> bytes:
        return self._repository.run(command, stdin=stdin, environment=self._environment)


def _entry(line: bytes) -> Entry:
    described, path = line.split(b"\t", 1)
    mode, _, oid, size = described.decode().split()
    # A name that is not UTF-8 is the fault of one chart, and must not hide the others.
    name = path.decode(errors="surrogateescape")
    return Entry(name, oid, 0 if size == "-" else int(size), mode)


def _blob(oid: str, found: Object | None) -> tuple[str, bytes]:
    if found is None or found.kind != "blob":
        raise FailedError(
            f"Git has no blob {oid}", "Run `git fsck`; a partial clone lacks objects."
        )
    return oid, found.data
