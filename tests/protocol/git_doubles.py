"""Clones whose Git is asked for real, or answered from memory where it talks to the remote.

The seam is ``Repository.execute``, where every run of Git goes through: what makes its arguments
and what reads its answers is the real code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kargo_release.git.remote import CLAIMS
from kargo_release.git.repository import Repository

from .gates import Actor

Answer = tuple[int, bytes, str]
_NETWORK = ("ls-remote", "fetch", "push")
# What these answer about a full name of an object never changes.
_LASTING = ("rev-parse", "show", "ls-tree", "merge-base", "mktag")
_OFFLINE: Answer = (128, b"", "fatal: unable to access the remote")


class OfflineError(Exception):
    """The remote could not be reached."""


def verb(arguments: Sequence[str]) -> str:
    """Return Git's command among its arguments."""
    return arguments[2] if arguments[0] == "-c" else arguments[0]


@dataclass
class Library:
    """A clone of everything, and what Git answered about it."""

    repository: Repository
    known: dict[tuple[Any, ...], Answer] = field(default_factory=dict)

    def execute(self, arguments: Sequence[str], stdin: bytes) -> Answer:
        """Run Git here, once for the same question."""
        key = (*arguments, stdin)
        if key not in self.known:
            self.known[key] = self.repository.execute(arguments, stdin=stdin)
        return self.known[key]

    def commit_of(self, oid: str) -> str:
        """Return the commit that an object stands for."""
        _, output, _ = self.execute(["rev-parse", f"{oid}^{{commit}}"], b"")
        return output.decode().strip()


class Remote(Protocol):
    """The Git remote of a world, and how it is reached."""

    @property
    def refs(self) -> Mapping[str, str]:
        """Tags and claims, with their objects."""
        ...

    def commit_of(self, oid: str) -> str:
        """Return the commit that an object there stands for."""
        ...

    def delete(self, ref: str) -> None:
        """Remove a ref behind everybody's back."""
        ...

    def clone(self, actor: Actor[Any]) -> Repository:
        """Return a new clone, whose talk with the remote the actor's master decides on."""
        ...


@dataclass
class RemoteInMemory:
    """A remote that is a mapping from refs to objects."""

    library: Library
    branch: str
    refs: dict[str, str] = field(default_factory=dict)

    def commit_of(self, oid: str) -> str:
        return self.library.commit_of(oid)

    def delete(self, ref: str) -> None:
        del self.refs[ref]

    def clone(self, actor: Actor[Any]) -> Repository:
        return QuickClone(self, actor)

    def listing(self) -> str:
        """Return what ``git ls-remote --symref`` prints."""
        lines = [f"ref: refs/heads/main\tHEAD\n{self.branch}\tHEAD\n"]
        for ref, oid in sorted({**self.refs, "refs/heads/main": self.branch}.items()):
            lines.append(f"{oid}\t{ref}\n")
            if (commit := self.library.commit_of(oid)) != oid:
                lines.append(f"{commit}\t{ref}^{{}}\n")
        return "".join(lines)

    def update(self, ref: str, source: str, expected: str) -> str:
        """Do what a refspec with a lease asks for; return its line of ``--porcelain``.

        Source: git-push(1), OUTPUT; git ``remote.c`` (set_ref_status_for_push).
        """
        held, where = self.refs.get(ref, ""), f"{source}:{ref}"
        if source and held == source:
            return f"=\t{where}\t[up to date]\n"
        if held != expected:
            return f"!\t{where}\t[rejected] (stale info)\n"
        if not source:
            del self.refs[ref]
            return f"-\t:{ref}\t[deleted]\n"
        self.refs[ref] = source
        return f"*\t{where}\t[new reference]\n"


class QuickClone(Repository):
    """A clone in memory: its tags, and a remote that answers each ref of a push on its own."""

    def __init__(self, remote: RemoteInMemory, actor: Actor[Any]) -> None:
        super().__init__(remote.library.repository.root, None)  # type: ignore[arg-type] # not used
        self._remote = remote
        self._actor = actor
        self._tags: dict[str, str] = {}

    def execute(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,  # noqa: ARG002 - the one of Repository
        limit: float | None = None,  # noqa: ARG002 - nobody waits here
    ) -> Answer:
        answers: dict[str, Callable[[Sequence[str]], Answer]] = {
            "ls-remote": self._ls_remote,
            "push": self._push,
            "for-each-ref": self._for_each_ref,
            "update-ref": self._update_ref,
            "show-ref": lambda words: (0 if words[2] in self._tags else 1, b"", ""),
            "var": lambda _: (
                0,
                f"{self._actor.name} <a@example.com> 1767225600 +0000".encode(),
                "",
            ),
            "remote": lambda _: (0, b"", ""),
            "cat-file": lambda words: self._cat_file(words, stdin),
        }
        answer = answers.get(verb(arguments))
        if answer is not None:
            return answer(arguments)
        assert verb(arguments) in _LASTING, arguments
        return self._remote.library.execute(arguments, stdin)

    def _ls_remote(self, _: Sequence[str]) -> Answer:
        try:
            listing = self._actor.call("git: ls-remote", self._remote.listing, OfflineError)
        except OfflineError:
            return _OFFLINE
        return 0, listing.encode(), ""

    def _push(self, arguments: Sequence[str]) -> Answer:
        leases = [each for each in arguments if each.startswith("--force-with-lease=")]
        pairs = [each.partition("=")[2].rsplit(":", 1) for each in leases]
        sources = [each.partition(":")[0] for each in arguments[-len(leases) :]]
        lines = []
        try:
            for (ref, expected), source in zip(pairs, sources, strict=True):
                what = f"git: push of {source[:8] or 'nothing'} to {ref}"
                lines.append(
                    self._actor.call(what, self._updating(ref, source, expected), OfflineError)
                )
        except OfflineError:
            return _OFFLINE
        return int(any(line.startswith("!") for line in lines)), "".join(lines).encode(), ""

    def _updating(self, ref: str, source: str, expected: str) -> Callable[[], str]:
        return lambda: self._remote.update(ref, source, expected)

    def _for_each_ref(self, _: Sequence[str]) -> Answer:
        commit_of = self._remote.library.commit_of
        names = {ref.removeprefix("refs/tags/"): oid for ref, oid in self._tags.items()}
        lines = [f"{name}\0{oid}\0{commit_of(oid)}\n" for name, oid in names.items()]
        return 0, "".join(lines).encode(), ""

    def _update_ref(self, arguments: Sequence[str]) -> Answer:
        _, ref, oid, _ = arguments
        return (
            (0, b"", "") if self._tags.setdefault(ref, oid) == oid else (128, b"", "fatal: it is")
        )

    def _cat_file(self, arguments: Sequence[str], stdin: bytes) -> Answer:
        *words, last = arguments
        return self._remote.library.execute(
            [*words, self._tags.get(f"refs/tags/{last}", last)], stdin
        )


@dataclass
class BareRemote:
    """A bare repository."""

    library: Library
    folder: Path
    clones: int = 0

    @property
    def refs(self) -> Mapping[str, str]:
        form = "--format=%(objectname) %(refname)"
        pairs = (line.split(" ", 1) for line in self._run("for-each-ref", form).splitlines())
        return {ref: oid for oid, ref in pairs if ref.startswith((CLAIMS, "refs/tags/"))}

    def commit_of(self, oid: str) -> str:
        return self._run("rev-parse", f"{oid}^{{commit}}").strip()

    def delete(self, ref: str) -> None:
        self._run("update-ref", "-d", ref)

    def _run(self, *words: str) -> str:
        return self.library.repository.run(["--git-dir", str(self.folder), *words]).decode()

    def clone(self, actor: Actor[Any]) -> Repository:
        self.clones += 1
        path = self.folder.parent / f"clone-{self.clones}"
        words = ["clone", "--quiet", "--shared", "--no-checkout"]
        self.library.repository.run([*words, str(self.folder), str(path)])
        clone = Repository.open(path)
        clone.run(["config", "user.name", actor.name])
        clone.run(["config", "user.email", "a@example.com"])
        return RealClone(clone, self.library, actor)


class RealClone(Repository):
    """A clone of a bare repository; what never changes is asked of the library."""

    def __init__(self, clone: Repository, library: Library, actor: Actor[Any]) -> None:
        super().__init__(clone.root, clone._commands)
        self._library = library
        self._actor = actor

    def execute(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> Answer:
        def run() -> Answer:
            return super(RealClone, self).execute(
                arguments, stdin=stdin, environment=environment, limit=limit
            )

        if verb(arguments) in _NETWORK:
            try:
                what = verb(arguments)
                told = what if what == "ls-remote" else " ".join([what, *arguments[-1:]])
                return self._actor.call(f"git: {told}", run, OfflineError)
            except OfflineError:
                return _OFFLINE
        if verb(arguments) in ("show", "ls-tree") or list(arguments[1:]) == ["--batch"]:
            return self._library.execute(arguments, stdin)
        return run()
