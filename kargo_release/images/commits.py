"""Which commits' messages are read: HEAD's, another's, or those of all commits of a push."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kargo_release.errors import InvalidError, UsageError, excerpt
from kargo_release.git.repository import Commit, Repository, short

# What GitHub's push event has for ``before`` of a new branch, and ``after`` of one that is gone.
_NOTHING = re.compile(r"0{40}(?:0{24})?")
_SPAN = re.compile(r"(?:(?!\.\.).)+\.\.(?!\.)(?:(?!\.\.).)+")
_MOST = 10_000  # commits; GitHub's push event tells of 2,048


@dataclass(frozen=True)
class Source:
    """Where messages come from: at most one of these, HEAD when all are None.

    Args:
        message: The message itself; an empty one asks for nothing.
        ref: A commit.
        span: ``BEFORE..AFTER``, as a push changed its branch.

    Raises:
        UsageError: More than one is given, or the span is none.
    """

    message: str | None = None
    ref: str | None = None
    span: str | None = None

    def __post_init__(self) -> None:
        options = {"--message": self.message, "--ref": self.ref, "--range": self.span}
        given = [option for option, value in options.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} say different things", "Give one of them.")
        if self.span is not None and not _SPAN.fullmatch(self.span):
            raise UsageError(
                f"--range {excerpt(self.span)!r} is no range", "Write BEFORE..AFTER, two commits."
            )

    @property
    def revision(self) -> str:
        """The commit that images are read from: the last one of what is looked at."""
        after = self.ends[1]
        if self.ref is not None:
            return self.ref
        return "HEAD" if self.span is None or _NOTHING.fullmatch(after) else after

    @property
    def ends(self) -> tuple[str, str]:
        """What stands before and after the two dots; empty where there is no span."""
        before, _, after = (self.span or "").partition("..")
        return before, after


@dataclass(frozen=True)
class Message:
    """A commit's subject and body; ``commit`` is empty for one given on the command line."""

    commit: str
    text: str


def messages(repository: Repository, source: Source) -> tuple[Message, ...]:
    """Return the messages of a source, the oldest first.

    Raises:
        InvalidError: A commit is not there, or it can't be told which ones were pushed.
    """
    if source.message is not None:
        return (Message("", source.message),)
    if source.span is None:
        commit = repository.commit(source.revision)
        return tuple(text for _, text in _logged(repository, ["--no-walk"], [commit.sha]))
    before, after = source.ends
    if _NOTHING.fullmatch(after):  # the branch was deleted
        return ()
    last = repository.commit(after)
    if _NOTHING.fullmatch(before):
        return _of_new_branch(repository, last)
    return _pushed(repository, last, [_before(repository, before, last).sha])


def _before(repository: Repository, before: str, last: Commit) -> Commit:
    try:
        return repository.commit(before)
    except InvalidError:
        if repository.is_shallow:
            raise _cut_off(f"the commit {excerpt(before)!r} is not in it") from None
        raise InvalidError(
            f"there is no commit {excerpt(before)!r} here, as after a forced push",
            f"`--ref {short(last.sha)}` takes the last commit alone, `--message TEXT` none.",
        ) from None


def _of_new_branch(repository: Repository, last: Commit) -> tuple[Message, ...]:
    """Return the messages of the commits that no other branch of the remote has."""
    holding = _branches(repository, f"--contains={last.sha}")
    if len(holding) > 1:
        return ()
    others = _branches(repository, f"--no-contains={last.sha}")
    if not others and repository.is_shallow:
        raise _cut_off("no other branch is in it")
    if not others:
        raise InvalidError(
            "the branch is new, and there is no other that tells which of its commits are",
            f"`--ref {short(last.sha)}` takes the last commit alone; --range FIRST..LAST, a part.",
        )
    return _pushed(repository, last, others)


def _branches(repository: Repository, chosen: str) -> list[str]:
    """Return the last commits of the remotes' branches, but not what a remote's HEAD stands for."""
    form = "--format=%(objectname) %(symref)"
    lines = repository.run(["for-each-ref", form, chosen, "refs/remotes"]).decode().split("\n")
    return [line.strip() for line in lines if line.endswith(" ")]


def _pushed(repository: Repository, last: Commit, known: list[str]) -> tuple[Message, ...]:
    """Return the messages of what leads to a commit, and to none of those that are known."""
    limits = ["--reverse", "--topo-order", f"--max-count={_MOST + 1}"]
    found = list(_logged(repository, limits, [last.sha, *(f"^{each}" for each in known)]))
    if len(found) > _MOST:
        raise InvalidError(
            f"--range takes in over {_MOST:,} commits", "Name a nearer commit before the two dots."
        )
    if repository.is_shallow and not all(parents for parents, _ in found):
        raise _cut_off("not all commits of the range are in it")
    return tuple(text for _, text in found)


def _logged(
    repository: Repository, options: list[str], commits: list[str]
) -> Iterator[tuple[list[str], Message]]:
    """Yield each commit's parents and its message."""
    log = ["log", "-z", "--no-patch", "--no-show-signature", "--encoding=UTF-8"]
    output = repository.run(
        [*log, "--format=tformat:%H %P%n%B", *options, "--stdin"],
        stdin="".join(f"{commit}\n" for commit in commits).encode(),
    )
    for record in output.decode(errors="replace").split("\0")[:-1]:
        about, _, text = record.partition("\n")
        commit, *parents = about.split()
        yield parents, Message(commit, text)


def _cut_off(what: str) -> InvalidError:
    return InvalidError(
        f"the history of this clone is cut off, and {what}",
        "`git fetch --unshallow` brings it; of actions/checkout, `fetch-depth: 0`.",
    )
