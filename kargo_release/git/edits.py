"""Writes files of the working tree, and commits them alone."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from kargo_release.errors import FailedError, RefusedError, few
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
    raise RefusedError(
        f"not committed: {few(changed, _SHOWN)}",
        "Commit or stash that first: what follows is judged by what is committed.",
    )


def read_file(repository: Repository, path: str) -> bytes:
    """Return what a file of the working tree holds, by its path from the repository's root.

    Raises:
        FailedError: It can't be read.
    """
    try:
        return (repository.root / path).read_bytes()
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise FailedError(message, f"Check it out: `git checkout -- {path}`") from None


def write_files(repository: Repository, files: Mapping[str, bytes], message: str = "") -> str:
    """Write files, and commit them alone; return the commit, empty for none.

    What can't be done to its end is undone: the files are as they were.

    Args:
        repository: The clone.
        files: What to write, by paths from the repository's root; they are there.
        message: The commit's; empty to leave them uncommitted.

    Raises:
        FailedError: One can't be written, or Git did not commit, or a hook refused; its last words
            are told.
    """
    before = {path: read_file(repository, path) for path in files}
    try:
        _write(repository, files)
        return _committed(repository, files, message) if message else ""
    except BaseException:  # Ctrl-C, too
        _put_back(repository, before)
        raise


def _write(repository: Repository, files: Mapping[str, bytes]) -> None:
    try:
        for path, data in files.items():
            (repository.root / path).write_bytes(data)
    except OSError as error:
        place = error.filename or "a file"
        message = f"{place} can't be written: {error.strerror}; nothing was changed"
        raise FailedError(message, "Make it writable, and run this again.") from None


def _committed(repository: Repository, paths: Iterable[str], message: str) -> str:
    """Commit files, and nothing else that may be staged."""
    words = ["commit", "--quiet", "--only", "--file=-", "--", *paths]
    try:
        repository.run(words, stdin=message.encode())
    except FailedError as error:
        raise FailedError(
            f"{error.message}; nothing was changed", "Mend that, or leave out --commit."
        ) from None
    return repository.commit().sha


def _put_back(repository: Repository, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        with suppress(OSError):
            (repository.root / path).write_bytes(data)
