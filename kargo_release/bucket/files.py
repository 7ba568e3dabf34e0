"""Files of a disk: opened without a wait, written so that they outlive a power cut."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kargo_release.bucket.store import LostRaceError
from kargo_release.errors import FailedError, InvalidError

_REMEDIES = {
    errno.ENOSPC: "Free some space on that disk, then run it again.",
    errno.EDQUOT: "Free some space of your quota, then run it again.",
    errno.EFBIG: "Raise the limit for the size of files (ulimit -f), then run it again.",
    errno.EROFS: "Make the folder writable, or set another one as `backup`, then run it again.",
    errno.EACCES: "Give yourself access to the folder, then run it again.",
    errno.EPERM: "Give yourself access to the folder, then run it again.",
}
# Opening a FIFO to read would wait for ever; Windows takes what it reads for text.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What file systems answer that know no hard links.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Tell what the disk refuses meanwhile, and of which path, with what to do about it.

    Raises:
        FailedError: It refused.
    """
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Look at the folder, then run it again.")
        raise FailedError(f"{path}: {error.strerror or error}", remedy) from error


@contextmanager
def opened(path: Path) -> Iterator[int | None]:
    """Open a file for reading; None where there is none.

    Raises:
        InvalidError: Something else than a file bears that name.
        OSError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        yield None
        return
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidError(f"{path} is not a file", "Move away what bears that name.")
        yield descriptor
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes) -> None:
    """Write a new file, in place of what bears that name, and wait until the disk has it.

    Raises:
        OSError: The disk refused.
    """
    path.unlink(missing_ok=True)
    # Plain open: the mode follows the umask, so that whoever serves the folder can read the file.
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        # A backup has to outlive a power cut: the content goes to the disk before its name does.
        os.fsync(file.fileno())


def publish(temporary: Path, path: Path, *, new: bool) -> None:
    """Give a file that is written its name; what bears it gives way unless ``new``.

    Raises:
        LostRaceError: Something bears that name, and ``new`` is true.
        OSError: The disk refused.
    """
    if not new:
        temporary.replace(path)
        return
    try:
        # Unlike a rename this fails when somebody who knows no lock has put a file there.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise LostRaceError(str(path)) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        temporary.replace(path)
