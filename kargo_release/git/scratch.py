"""What lasts for one run: temporary files, and stores of objects beside the clone's own.

Source: git(1), ``GIT_OBJECT_DIRECTORY`` and ``GIT_ALTERNATE_OBJECT_DIRECTORIES``.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from kargo_release.errors import FailedError


def variables(objects: Path, scratch: Path) -> dict[str, str]:
    """Return what makes Git put new objects into ``scratch``, and find those in ``objects`` too."""
    return {
        "GIT_OBJECT_DIRECTORY": str(scratch),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects),
    }


class NewObjects:
    """Where the new objects of a run go: into the clone, or beside one that is read-only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.variables: Mapping[str, str] = {}

    def make_room(self, objects: Path) -> None:
        """Make sure that Git can keep new objects.

        Args:
            objects: The clone's own store.

        Raises:
            FailedError: Neither it nor the folder for temporary files can be written to.
        """
        with self._lock:
            if self._scratch is not None or os.access(objects, os.W_OK):
                return
            self._scratch = _made()
            self.variables = variables(objects, Path(self._scratch.name))


@contextmanager
def temporary_file(content: bytes) -> Iterator[BinaryIO | None]:
    """Give a file without a name that holds ``content``; None where that is empty.

    Raises:
        FailedError: It can't be written.
    """
    if not content:
        yield None
        return
    with ExitStack() as stack:
        try:
            # Without a buffer: one that could not be written would be written again at the end.
            file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            file.seek(0)
        except OSError as error:
            raise no_room(error) from None
        yield file


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that is removed at the end.

    Raises:
        FailedError: It can't be made.
    """
    with _made() as folder:
        yield Path(folder)


def _made() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="kargo-release-", ignore_cleanup_errors=True)
    except OSError as error:
        raise no_room(error) from None


def no_room(error: OSError) -> FailedError:
    """Return the error for temporary files that can't be written."""
    return FailedError(
        f"the folder for temporary files can't be written to: {error.strerror}",
        "Make room there, or name another folder in TMPDIR; then run this again.",
    )


def _quoted(path: Path) -> str:
    """Return the path as one member of a list of paths (gitglossary, alternate object database)."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
