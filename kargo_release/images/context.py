"""A build context: the files of a folder in Git that a builder sees.

Sources: moby/buildkit ``frontend/dockerui/context.go`` for the two names of an ignore file, and
docker/cli ``cli/command/image/build/context.go`` for a Dockerfile that lies outside.
"""

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from kargo_release.errors import InvalidError
from kargo_release.git.tree import Entry, Tree
from kargo_release.images.context_links import Link, check_links
from kargo_release.images.dockerignore import MAX_LENGTH, DockerIgnore
from kargo_release.images.image_keys import FILE_NAME

MOST_FILES = 50_000
"""How many files a context may hold."""

LARGEST = 1 << 30
"""How many bytes a context may hold."""

LARGEST_FILE = 256 << 20
"""How many bytes a file of a context may have; each is read as a whole."""

IGNORE_FILE = ".dockerignore"
ASIDE = ".kargo-release.Dockerfile"
"""Where a Dockerfile lies in a context of which it is no part."""

LARGEST_DOCKERFILE = 1 << 20
_BATCH = 32 << 20  # bytes that are read from Git at once
_LONGEST_LINK = 4096
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True)
class ContextFile:
    """A file, or a symbolic link, by its path from the context's top."""

    path: str
    entry: Entry


@dataclass(frozen=True)
class Context:
    """What a builder sees of a folder.

    Args:
        tree: Holds the files; it must last as long as the context is used.
        files: Sorted by path.
        folders: Those that the files lie in, and others that the ignore file leaves, sorted.
        dockerfile_path: Where the builder finds the Dockerfile.
        hidden: Files that are for the engine's own builder alone, by path: a Dockerfile that is no
            part of the context, and, in the place of the context's, an ignore file that keeps it
            out of the image.
    """

    tree: Tree
    files: tuple[ContextFile, ...]
    folders: tuple[str, ...]
    dockerfile_path: str
    hidden: Mapping[str, bytes]

    @cached_property
    def digest(self) -> str:
        """The sha256, in hexadecimal, of every path with its kind and content."""
        lines = [("folder", folder, "") for folder in self.folders]
        lines += [
            (file.entry.mode, file.path, sha256(data).hexdigest()) for file, data in self.contents()
        ]
        lines += [("", path, sha256(data).hexdigest()) for path, data in self.hidden.items()]
        return sha256(json.dumps(lines).encode()).hexdigest()

    def contents(self) -> Iterator[tuple[ContextFile, bytes]]:
        """Yield each file with its content, or the target of a link; 32 MiB are read at once.

        Raises:
            InvalidError: A file is kept by Git LFS.
        """
        for batch in _batches(self.files):
            blobs = self.tree.read([file.entry.oid for file in batch])
            for file in batch:
                data = blobs[file.entry.oid]
                _check_content(file, data)
                yield file, data


def read_context(tree: Tree, folder: str, dockerfile: str) -> Context:
    """Return the context in a folder, without what its ignore file leaves out.

    Nor is the image's own image.yaml in it: what it says of the content counts by itself, and the
    rest, such as the size limit, is to change nothing.

    Args:
        tree: The files of a commit, or of the working tree.
        folder: From the repository's root; ``.`` for the root itself.
        dockerfile: The Dockerfile's path from the repository's root.

    Raises:
        InvalidError: It is too large, holds what no builder can use, a link leaves it, or its
            ignore file can't be read.
    """
    every = {_inside(folder, each.path): each for each in tree.entries(folder)}
    known = {each.path: each for each in every.values()}
    if dockerfile not in known:
        known |= {each.path: each for each in tree.entries(posixpath.dirname(dockerfile))}
    rules, ignore_file = _rules(tree, known, folder, dockerfile)
    every.pop(_inside(folder, posixpath.join(posixpath.dirname(dockerfile), FILE_NAME)), None)
    kept = {path: each for path, each in sorted(every.items()) if not rules.leaves_out(path)}
    _check(folder, kept)
    _check_links(tree, kept)
    left = [each for each in _folders(every) if not rules.leaves_out(each)]
    folders = tuple(sorted(_folders(kept).union(left)))
    _check_folders(folder, folders)
    files = tuple(ContextFile(path, each) for path, each in kept.items())
    path = _inside(folder, dockerfile)
    if path in kept:
        return Context(tree, files, folders, path, {})
    text = read_dockerfile(tree, known, dockerfile)
    hidden = _hidden(text, ignore_file if IGNORE_FILE in kept else None)
    return Context(tree, files, folders, ASIDE, hidden)


def read_dockerfile(tree: Tree, known: Mapping[str, Entry], path: str) -> bytes:
    """Return a Dockerfile.

    Args:
        tree: Holds it.
        known: The files by their paths from the repository's root.
        path: The Dockerfile's.

    Raises:
        InvalidError: It was there when images were looked for, and is no more; or is too large.
    """
    if path not in known:
        raise InvalidError(f"{path} was there, and is gone", "Put it back; then run this again.")
    return read_file(tree, known[path], LARGEST_DOCKERFILE)


def read_file(tree: Tree, entry: Entry, limit: int) -> bytes:
    """Return a plain file of at most ``limit`` bytes.

    Raises:
        InvalidError: It is larger, a symbolic link, or a submodule.
    """
    if entry.is_link or entry.is_submodule or entry.size > limit:
        raise InvalidError(
            f"{entry.path} is no plain file of at most {limit >> 10} KiB",
            "Put the file itself there, and make it smaller.",
        )
    return tree.read([entry.oid])[entry.oid]


def _inside(folder: str, path: str) -> str:
    """Return a path from the context's top; empty where it lies outside."""
    if folder == ".":
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else ""


def _rules(
    tree: Tree, known: Mapping[str, Entry], folder: str, dockerfile: str
) -> tuple[DockerIgnore, bytes]:
    """Return the rules of the Dockerfile's own ignore file, or the context's, and the latter."""
    own, common = f"{dockerfile}{IGNORE_FILE}", posixpath.normpath(f"{folder}/{IGNORE_FILE}")
    texts = {
        name: read_file(tree, known[name], MAX_LENGTH) for name in (own, common) if name in known
    }
    source = own if own in texts else common
    return DockerIgnore.parse(texts.get(source, b""), source), texts.get(common, b"")


def _hidden(dockerfile: bytes, ignore_file: bytes | None) -> dict[str, bytes]:
    """Return the Dockerfile under a name of its own, and an ignore file that names it."""
    before = f"{IGNORE_FILE}".encode() if ignore_file is None else ignore_file
    return {IGNORE_FILE: before + f"\n{ASIDE}\n".encode(), ASIDE: dockerfile}


def _folders(paths: Iterable[str]) -> set[str]:
    """Return every folder that a path lies in."""
    found: set[str] = set()
    for path in paths:
        above = posixpath.dirname(path)
        while above and above not in found:
            found.add(above)
            above = posixpath.dirname(above)
    return found


def _check(folder: str, kept: Mapping[str, Entry]) -> None:
    total = sum(each.size for each in kept.values())
    if len(kept) > MOST_FILES or total > LARGEST:
        raise InvalidError(
            f"the context {folder} holds {len(kept):,} files of {total:,} bytes, over the limit of "
            f"{MOST_FILES:,} files or {LARGEST >> 20} MiB",
            f"Leave out in {IGNORE_FILE} what is not copied, or set `context` to a smaller folder.",
        )
    for each in kept.values():
        _check_entry(each)


def _check_folders(top: str, folders: Iterable[str]) -> None:
    """Refuse folders that have the names of files: builders look for one, we add the other."""
    for name in {IGNORE_FILE, ASIDE}.intersection(folders):
        raise InvalidError(
            f"{posixpath.normpath(f'{top}/{name}')} is a folder, and no file", "Rename it."
        )


def _check_links(tree: Tree, kept: Mapping[str, Entry]) -> None:
    links = {path: each for path, each in kept.items() if each.is_link}
    targets = tree.read([each.oid for each in links.values()])
    check_links(
        {
            path: Link(each.path, targets[each.oid].decode(errors="surrogateescape"))
            for path, each in links.items()
        }
    )


def _check_entry(entry: Entry) -> None:
    if entry.is_submodule:
        raise InvalidError(
            f"{entry.path} is a submodule, whose files this repository does not hold",
            f"Copy what the image needs, or leave it out in {IGNORE_FILE}.",
        )
    if entry.size > (_LONGEST_LINK if entry.is_link else LARGEST_FILE):
        raise InvalidError(
            f"{entry.path} is {entry.size:,} bytes long, over the limit",
            f"Leave it out in {IGNORE_FILE}, or let the Dockerfile fetch it.",
        )
    if any("\ud800" <= character <= "\udfff" for character in entry.path):
        name = entry.path.encode(errors="surrogateescape")
        raise InvalidError(f"the file name {name!r:.200} is not UTF-8", "Rename the file.")


def _batches(files: Iterable[ContextFile]) -> Iterator[list[ContextFile]]:
    batch: list[ContextFile] = []
    size = 0
    for file in files:
        if batch and size + file.entry.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.entry.size
    if batch:
        yield batch


def _check_content(file: ContextFile, data: bytes) -> None:
    if data.startswith(_LFS_POINTER):
        raise InvalidError(
            f"{file.entry.path} is kept by Git LFS: Git holds only a pointer to it",
            f"Commit the file itself (`git lfs untrack`), or leave it out in {IGNORE_FILE}.",
        )
