"""The commits that led to one, by what they touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from kargo_release.git.repository import Commit, Repository

_MOST = 1000  # commits whose messages are read


@dataclass(frozen=True)
class Message:
    """A commit, and what its author wrote."""

    commit: str
    text: str


def commits_touching(repository: Repository, head: Commit, folder: str) -> list[str]:
    """Return the commits up to ``head`` that changed something below a folder, newest first."""
    listing = repository.run(["rev-list", head.sha, "--", f"{folder}/"])
    return listing.decode().split()


def last_change(repository: Repository, head: Commit, path: str, lines: str) -> str:
    """Return the newest commit that changed lines of a file; empty for none.

    Args:
        repository: The clone.
        head: The newest commit that counts.
        path: The file, from the repository's root.
        lines: A regular expression (POSIX) that a changed line matches; empty for any.
    """
    words = ["log", "--max-count=1", "--format=%H", "--no-show-signature"]
    words += [f"-G{lines}"] if lines else []
    return repository.run([*words, head.sha, "--", path]).decode().strip()


def messages_touching(
    repository: Repository, since: str, head: Commit, folders: Sequence[str]
) -> list[Message]:
    """Return the messages of commits that changed something below folders, newest first.

    Merges are left out, for the commits that they bring in are there; and all but the newest 1,000.

    Args:
        repository: The clone.
        since: Commits that led to this one are left out.
        head: The newest commit.
        folders: From the repository's root.
    """
    form = ["-z", "--no-merges", f"--max-count={_MOST}", "--format=%H%n%B", "--no-show-signature"]
    listing = repository.run(["log", *form, f"{since}..{head.sha}", "--", *folders])
    texts = (each.decode(errors="replace") for each in listing.split(b"\0") if each)
    return [Message(commit, text) for commit, _, text in (each.partition("\n") for each in texts)]
