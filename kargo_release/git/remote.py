"""The Git remote: its branches, tags and claims, and what is pushed to it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kargo_release.errors import FailedError, RefusedError
from kargo_release.git.login import Way, way_to
from kargo_release.git.repository import Repository
from kargo_release.git.running import last_words

# Where claims live on the remote: no branch and no tag, so that clones do not fetch them.
CLAIMS = "refs/kargo-release/"
# A remote that neither answers nor hangs up must not hold a release for ever.
_TIME_LIMIT = 300  # seconds
_LINES_TOLD = 3  # of what a hook of the remote says


@dataclass(frozen=True)
class RemoteRefs:
    """What the remote holds at one moment: names without ``refs/heads/``, objects by name.

    ``tags`` gives the tag's own object, ``tagged`` the commit that it stands for.
    """

    heads: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    tagged: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    default_branch: str | None = None


@dataclass(frozen=True)
class Push:
    """A ref to push: ``source`` is an object, or empty to delete.

    ``expected`` is what the remote must hold there now, empty for nothing.
    """

    ref: str
    source: str
    expected: str = ""


class Remote:
    """A remote of the repository."""

    def __init__(self, repository: Repository, name: str) -> None:
        self._repository = repository
        self.name = name
        self._ways: dict[bool, Way] = {}

    @classmethod
    def open(cls, repository: Repository, name: str) -> "Remote":
        """Return the remote called ``name``.

        Raises:
            RefusedError: There is none.
        """
        if not repository.has_remote(name):
            raise RefusedError(
                f"there is no Git remote called {name}",
                f"Add it (`git remote add {name} URL`), or set git.remote.",
            )
        return cls(repository, name)

    def refs(self) -> RemoteRefs:
        """Return what the remote holds now: one request.

        Raises:
            FailedError: It can't be reached.
        """
        patterns = ["HEAD", "refs/heads/*", "refs/tags/*", f"{CLAIMS}*"]
        output = self._talk(["ls-remote", "--symref", self._way().remote, *patterns])
        return _remote_refs(output.decode(errors="replace"))

    def fetch(self, refs: Sequence[str]) -> None:
        """Bring the objects of ``refs`` into this clone; no ref of the clone changes.

        Raises:
            FailedError: The remote can't be reached, or has no such ref.
        """
        quiet = [
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--refmap=",
            "--no-recurse-submodules",
        ]
        self._repository.make_room()
        self._talk(["fetch", *quiet, self._way().remote, *refs])

    def check_pushable(self) -> None:
        """Make sure that Git can be told where to push, before anything is changed anywhere.

        Raises:
            RefusedError: It has several addresses to push to, and one of them has a login.
        """
        self._way(push=True)

    def push(self, pushes: Sequence[Push]) -> dict[str, str]:
        """Push refs in one request that is not atomic; return why each rejected ref was.

        A ref that the remote already holds as wanted counts as pushed.

        Raises:
            FailedError: The remote can't be reached or refuses everything.
        """
        results = self._push(pushes)
        return {ref: reason for ref, (flag, reason) in results.items() if flag == _REJECTED}

    def create(self, pushes: Sequence[Push]) -> dict[str, str]:
        """Push refs that the remote must not hold yet; return why each rejected ref was.

        A ref that it already holds as wanted is rejected too: somebody else has created it.

        Raises:
            FailedError: The remote can't be reached or refuses everything.
        """
        results = self._push(pushes)
        answers = {each.ref: results.get(each.ref, ("", "no answer for it")) for each in pushes}
        return {ref: reason for ref, (flag, reason) in answers.items() if flag != _CREATED}

    def would_reject(self, pushes: Sequence[Push]) -> dict[str, str]:
        """Return why each ref would be rejected, as far as Git can tell without pushing.

        The remote is asked whether we may push at all; its hooks and rules do not run.

        Raises:
            FailedError: The remote can't be reached or lets nobody push.
        """
        results = self._push(pushes, "--dry-run")
        return {ref: reason for ref, (flag, reason) in results.items() if flag == _REJECTED}

    def _push(self, pushes: Sequence[Push], *options: str) -> dict[str, tuple[str, str]]:
        leases = [f"--force-with-lease={each.ref}:{each.expected}" for each in pushes]
        refspecs = [f"{each.source}:{each.ref}" for each in pushes]
        only = ["--no-verify", "--no-follow-tags", "--no-recurse-submodules"]
        where = self._way(push=True).remote
        command = ["push", "--porcelain", *options, *only, *leases, where, *refspecs]
        status, output, said = self._execute(command, push=True)
        results = _push_results(output.decode(errors="replace"))
        if status != 0 and len(results) < len(pushes):
            raise self._unreachable("push to", said)
        words = _words_of_remote(said)
        return {
            ref: (flag, f"{reason}{words}" if flag == _REJECTED else reason)
            for ref, (flag, reason) in results.items()
        }

    def _talk(self, arguments: Sequence[str]) -> bytes:
        status, output, said = self._execute(arguments)
        if status != 0:
            raise self._unreachable("read", said)
        return output

    def _execute(self, arguments: Sequence[str], *, push: bool = False) -> tuple[int, bytes, str]:
        variables = self._way(push=push).variables
        return self._repository.execute(arguments, environment=variables, limit=_TIME_LIMIT)

    def _way(self, *, push: bool = False) -> Way:
        if push not in self._ways:
            self._ways[push] = way_to(self._repository, self.name, push=push)
        return self._ways[push]

    def _unreachable(self, verb: str, said: str) -> FailedError:
        return FailedError(
            f"can't {verb} the Git remote {self.name}: {last_words(said)}",
            f"Check access with `git ls-remote {self.name}`, then run this again.",
        )


def _words_of_remote(said: str) -> str:
    """Return what hooks of the remote said, in brackets; empty when they said nothing."""
    lines = [line.partition("remote:")[2].strip() for line in said.splitlines()]
    telling = [line for line in lines if line and not line.startswith("error:")]
    words = " / ".join(telling[:_LINES_TOLD])
    return f" ({words})" if words else ""


def _remote_refs(listing: str) -> RemoteRefs:
    found: dict[str, dict[str, str]] = {"heads": {}, "tags": {}, "tagged": {}, "claims": {}}
    default = None
    for line in listing.splitlines():
        value, _, ref = line.partition("\t")
        if value.startswith("ref: ") and ref == "HEAD":
            default = value.removeprefix("ref: refs/heads/")
        elif ref.startswith("refs/heads/"):
            found["heads"][ref.removeprefix("refs/heads/")] = value
        elif ref.startswith(CLAIMS):
            found["claims"][ref.removeprefix(CLAIMS)] = value
        elif ref.startswith("refs/tags/"):
            name = ref.removeprefix("refs/tags/")
            found["tagged"][name.removesuffix("^{}")] = value
            if not name.endswith("^{}"):
                found["tags"][name] = value
    return RemoteRefs(**found, default_branch=default)


_PUSH_LINE = re.compile(r"^([ +\-*!=])\t[^\t]*:(\S+)\t(.*)$")
_REJECTED, _CREATED = "!", "*"


def _push_results(output: str) -> dict[str, tuple[str, str]]:
    """Return the flag and the summary of each ref (git-push, OUTPUT)."""
    matches = (_PUSH_LINE.match(line) for line in output.splitlines())
    return {match[2]: (match[1], match[3]) for match in matches if match is not None}
