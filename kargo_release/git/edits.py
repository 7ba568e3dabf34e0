"""Writes files of the working tree, and commits them alone."""

from collections.abc import Iterable, Mapping, Sequence

from kargo_release.errors import FailedError, RefusedError
from kargo_release.git.repository import Repository

_SHOWN = 5  # files that a message names


def check_clean(repository: Repository, folders: Sequence[str]) -> None:
    """Refuse folders with changes that are not committed.

    Raises:
        RefusedError: There are some.
    """
    changed = repository.uncommitted(folders) if folders else []
    if not changed:
        return
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    raise RefusedError(
        f"not committed: {', '.join(changed[:_SHOWN])}{more}",
        "Commit or stash that first: what follows is judged by what is committed.",
    )


def write_files(repository: Repository, files: Mapping[str, bytes]) -> None:
    """Write files that are committed as they were, so that Git has what is lost.

    Args:
        repository: The clone.
        files: What to write, by paths from the repository's root.

    Raises:
        FailedError: One can't be written.
    """
    for path, data in files.items():
        try:
            (repository.root / path).write_bytes(data)
        except OSError as error:
            raise FailedError(
                f"{path} can't be written: {error.strerror}",
                "Make it writable, undo the others by `git checkout -- .`, and run this again.",
            ) from None


def commit_files(repository: Repository, paths: Iterable[str], message: str) -> str:
    """Commit files, and nothing else that may be staged; return the commit.

    Raises:
        FailedError: Git did not, or a hook refused; its last words are told.
    """
    words = ["commit", "--quiet", "--only", "--file=-", "--", *paths]
    repository.run(words, stdin=message.encode())
    return repository.commit().sha
