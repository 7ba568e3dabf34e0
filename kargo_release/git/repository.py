"""A clone: what its commits and its working tree hold, and its tags."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.git import running
from kargo_release.git.running import last_words
from kargo_release.git.scratch import (
    NewObjects,
    no_room,
    temporary_folder,
    variables,
)
from kargo_release.git.tree import Tree, WorkingTree

if TYPE_CHECKING:
    import git

_NEUTRAL_IDENTITY = "kargo-release <kargo-release@localhost>"
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_REF = 1  # the exit status of git-show-ref(1) where there is none
_NOTHING = ""  # what git-update-ref(1) takes for a ref that must not be there yet


@dataclass(frozen=True)
class Commit:
    """A commit and the time it was made, in seconds since 1970, UTC."""

    sha: str
    time: int


def short(oid: str) -> str:
    """Return the first 12 digits of an object's name, enough for a person and for Git."""
    return oid[:12]


class Repository:
    """A Git repository with a working tree."""

    def __init__(self, root: Path, commands: "git.Git") -> None:
        self.root = root
        self._commands = commands
        self._new_objects = NewObjects()

    @classmethod
    def open(cls, start: Path) -> "Repository":
        """Return the repository that holds the folder ``start``.

        Raises:
            InvalidError: There is none.
            RefusedError: Git is not installed.
        """
        try:
            import git  # noqa: F401 - the import itself looks for the program
        except ImportError:
            raise RefusedError("Git is not installed", "Install git, 2.30 or newer.") from None
        from git import Repo
        from git.exc import InvalidGitRepositoryError, NoSuchPathError

        try:
            repo = Repo(start, search_parent_directories=True, expand_vars=False)
        except (InvalidGitRepositoryError, NoSuchPathError):
            raise InvalidError(
                f"{start} is in no Git repository", "Run this inside a clone; `git init` makes one."
            ) from None
        if repo.working_tree_dir is None:
            raise InvalidError(f"{start} is a bare repository", "Run this in a clone of it.")
        return cls(Path(repo.working_tree_dir), repo.git)

    def commit(self, ref: str = "HEAD") -> Commit:
        """Return the commit that ``ref`` names.

        Raises:
            InvalidError: There is no such commit, or none at all yet.
            RefusedError: The repository is another user's.
        """
        asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        status, output, said = self.execute(asked)
        found = output.decode(errors="replace").strip() if status == 0 else ""
        sha = found if _OBJECT.fullmatch(found) else None  # not so of `^HEAD`
        self._check_trusted(said)
        if sha is None and ref == "HEAD":
            raise InvalidError("the repository has no commit yet", "Commit something first.")
        if sha is None:
            raise InvalidError(
                f"there is no commit {ref!r} here",
                "Name a commit, a branch or a tag; `git fetch --tags` brings what is missing.",
            )
        shown = self.run(["show", "--no-patch", "--no-show-signature", "--format=%H %ct", sha])
        name, _, time = shown.decode(errors="replace").strip().partition(" ")
        if not time.isdecimal():
            raise InvalidError(
                f"commit {short(sha)} does not tell when it was made", "Make another in its place."
            )
        return Commit(name, int(time))

    def _check_trusted(self, said: str) -> None:
        if "dubious ownership" in said:
            raise RefusedError(
                f"Git does not trust {self.root}, for it belongs to somebody else",
                f"git config --global --add safe.directory {self.root}",
            )

    def tree(self, commit: Commit) -> Tree:
        """Return the files of a commit."""
        return Tree(self, commit.sha, {})

    @contextmanager
    def working_tree(self) -> Iterator[Tree]:
        """Give the working tree's tracked and unignored files, as Git would commit them.

        Line ends and filters are applied as ``git add`` does, into an index and an object store
        of our own: neither the repository's index nor its objects change.
        """
        with temporary_folder() as scratch:
            yield WorkingTree(self, "HEAD", self._scratch_environment(scratch))

    def _scratch_environment(self, scratch: Path) -> dict[str, str]:
        index, objects = self._git_paths("index", "objects")
        try:
            if index.exists():
                (scratch / "index").write_bytes(index.read_bytes())
            (scratch / "objects").mkdir()
        except OSError as error:
            raise no_room(error) from None
        return {"GIT_INDEX_FILE": str(scratch / "index"), **variables(objects, scratch / "objects")}

    def make_room(self) -> None:
        """Make sure that Git can keep new objects, if only for this run in a read-only clone.

        Raises:
            FailedError: It can't.
        """
        [objects] = self._git_paths("objects")
        self._new_objects.make_room(objects)

    def _git_paths(self, *names: str) -> list[Path]:
        wanted = [word for name in names for word in ("--git-path", name)]
        return [self.root / path for path in self.run(["rev-parse", *wanted]).decode().splitlines()]

    def uncommitted(self, folders: Sequence[str]) -> list[str]:
        """Return the paths below ``folders`` that differ from HEAD, untracked ones too."""
        status = self.run(
            [
                "status",
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--untracked-files=all",
                "--",
                *folders,
            ]
        )
        return [line[3:].decode(errors="replace") for line in status.split(b"\0") if line]

    def ignored(self, folders: Sequence[str]) -> list[str]:
        """Return the paths below ``folders`` of files that are there but ignored by Git."""
        listing = self.run(
            ["ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", *folders]
        )
        return [line.decode(errors="replace") for line in listing.split(b"\0") if line]

    def count(self, commit: Commit) -> int:
        """Return how many commits lead to this one, itself included."""
        return int(self.run(["rev-list", "--count", commit.sha]))

    def local_tags(self) -> dict[str, str]:
        """Return the commits that this clone's tags stand for, by the tags' names."""
        # Where refs are packed, this opens no tag's object, as for-each-ref would.
        status, listing, said = self.execute(["show-ref", "--tags", "--dereference"])
        if status not in (0, _NO_REF):
            raise FailedError(f"git show-ref failed: {last_words(said)}", "See `git status`.")
        # A name may be no UTF-8, and hold what is a line's end to Unicode but not to Git.
        lines = listing.decode(errors="surrogateescape").split("\n")
        rows = (line.split(" refs/tags/", 1) for line in lines if line)
        # The line of what an annotated tag stands for follows the tag's own.
        return {name.removesuffix("^{}"): oid for oid, name in rows}

    def message(self, tag_object: str) -> str:
        """Return an annotated tag's text; empty for a lightweight tag, which has none."""
        text = self._try(["cat-file", "tag", tag_object]) or ""
        return text.partition("\n\n")[2]

    def has(self, oid: str) -> bool:
        """Whether this clone holds the object."""
        return self._try(["cat-file", "-e", oid]) is not None

    @cached_property
    def is_shallow(self) -> bool:
        """Whether history was cut off when this clone was made."""
        return self.run(["rev-parse", "--is-shallow-repository"]).strip() == b"true"

    def is_ancestor(self, commit: Commit, of: str) -> bool:
        """Whether ``commit`` is ``of`` or one that led to it."""
        return self._try(["merge-base", "--is-ancestor", commit.sha, of]) is not None

    def has_remote(self, name: str) -> bool:
        """Whether the clone knows a remote called ``name``."""
        return self._try(["remote", "get-url", name]) is not None

    def write_tag(self, name: str, commit: Commit, message: str) -> str:
        """Store an annotated tag's object, which no ref names yet, and return its name."""
        self.make_room()
        head = f"object {commit.sha}\ntype commit\ntag {name}\ntagger {self.tagger()}\n\n"
        return self.run(["mktag"], stdin=f"{head}{message}".encode()).decode().strip()

    def set_tag(self, name: str, tag_object: str) -> None:
        """Make a tag of this clone name the object; a tag that is there already stays as it is.

        Raises:
            FailedError: The tag can't be made.
        """
        ref = f"refs/tags/{name}"
        try:
            self.run(["update-ref", ref, tag_object, _NOTHING])
        except FailedError:
            if self._try(["show-ref", "--verify", ref]) is None:
                raise

    def tagger(self) -> str:
        """Return Git's own identity with the time, or a neutral one where none is configured."""
        known = self._try(["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"])
        if known is not None:
            return known
        somebody = {"GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x"}
        dated = self.run(["var", "GIT_COMMITTER_IDENT"], environment=somebody)
        return f"{_NEUTRAL_IDENTITY} {' '.join(dated.decode().split()[-2:])}"

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run Git and return what it prints.

        Args:
            arguments: The command, and what follows it.
            stdin: What it reads.
            environment: Variables beside the process's own.

        Raises:
            FailedError: Git failed; its last words are told.
        """
        status, output, said = self.execute(arguments, stdin=stdin, environment=environment)
        if status != 0:
            raise FailedError(f"git {arguments[0]} failed: {last_words(said)}", "See `git status`.")
        return output

    def _try(self, arguments: Sequence[str]) -> str | None:
        """Return what Git prints, or None where it answers no."""
        status, output, _ = self.execute(arguments)
        return output.decode(errors="replace").strip() if status == 0 else None

    def execute(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> tuple[int, bytes, str]:
        """Run Git; return its exit status, output and what it said on the side.

        Args:
            arguments: What follows ``git``.
            stdin: What it reads.
            environment: Variables beside the process's own.
            limit: Seconds after which it is stopped; None for none.

        Raises:
            FailedError: What it reads can't be put into a temporary file.
        """
        variables = {**self._new_objects.variables, **(environment or {})}
        return running.execute(
            self._commands, arguments, stdin=stdin, environment=variables, limit=limit
        )
