"""A folder that behaves as an object store; what it holds can be served as it is."""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from kargo_release.bucket.files import disk, opened, publish, write
from kargo_release.bucket.keys import checked_key, is_key
from kargo_release.bucket.moments import moment
from kargo_release.bucket.store import Listed, LostRaceError, Protection, Stored, Trial
from kargo_release.errors import FailedError, InvalidError

_LOCK = ".kargo-release.lock"
_LOCK_TIMEOUT = 60.0  # seconds; a write takes milliseconds, so somebody hangs by then
_TRIAL = bytes(4096)  # a block of a disk, which a full one has not
_LOCK_POLL = 0.005  # seconds


class FolderStore:
    """An ``ObjectStore`` of the files in one folder.

    The etag is the SHA-256 of the content. Metadata is not kept, so that the folder holds
    nothing but the objects, one hidden lock file and, after a crash, hidden ``.KEY.part`` files,
    which the next write of the same key removes.

    Args:
        folder: Where the objects are; made with its parents at the first write.
        called: How references name the folder; by its path when empty.
    """

    def __init__(self, folder: Path, called: str = "") -> None:
        self._folder = folder
        self._called = called or str(folder)

    @property
    def address(self) -> str:
        """How references name the folder."""
        return self._called

    def location(self, key: str) -> str:
        """Return the path of the object."""
        return f"{self._called}/{checked_key(key)}"

    def head(self, key: str) -> Stored | None:
        """Return the state of the object, or None; its bytes are read to know their etag.

        Raises:
            FailedError: The disk refused.
            InvalidError: Something else than a file bears that name.
        """
        path = self._path(key)
        with disk(path), opened(path) as descriptor:
            return None if descriptor is None else _state(descriptor)

    def get(self, key: str, limit: int) -> tuple[bytes, Stored] | None:
        """Return the bytes, at most ``limit`` of them, and their state, or None.

        Raises:
            FailedError: The disk refused.
            InvalidError: The object is larger, or is something else than a file.
        """
        path = self._path(key)
        with disk(path), opened(path) as descriptor:
            if descriptor is None:
                return None
            with os.fdopen(os.dup(descriptor), "rb") as file:
                data = file.read(limit + 1)
        if len(data) > limit:
            raise InvalidError(
                f"{path} is larger than {limit} bytes",
                "Find out what it is; remove it if it is junk.",
            )
        return data, Stored(sha256(data).hexdigest())

    def list(self) -> Iterator[Listed]:
        """Yield the files of the folder, without etags, in the order of their names.

        Raises:
            FailedError: The disk refused.
        """
        with disk(self._folder):
            yield from _listed(self._folder)

    def protection(self) -> Protection:
        """Return that nothing is protected."""
        return Protection(versioning="off", object_lock="off")

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None,
        content_type: str,  # noqa: ARG002 - a folder keeps none
        metadata: Mapping[str, str] | None = None,  # noqa: ARG002 - a folder keeps none
    ) -> Stored:
        """Store ``data`` if the object still bears ``if_match``, or, for None, if there is none.

        Raises:
            LostRaceError: The condition did not hold; nothing was written.
            FailedError: The disk refused; what was there is still there.
        """
        path = self._path(key)
        with disk(path), self._locked():
            self._require(key, if_match)
            temporary = path.with_name(f".{key}.part")
            try:
                write(temporary, data)
                publish(temporary, path, new=if_match is None)
            finally:
                temporary.unlink(missing_ok=True)
        return Stored(sha256(data).hexdigest())

    def check_writable(self) -> None:
        """Make sure that the folder can be made and locked.

        Raises:
            FailedError: It cannot.
        """
        with disk(self._folder), self._locked():
            pass

    def trial(self) -> Trial:
        """Write a nameless file into the folder, or the nearest there is, which makes no folder.

        Raises:
            FailedError: The disk refused.
        """
        folder = self._folder.absolute()
        with disk(folder):
            nearest = next(each for each in (folder, *folder.parents) if each.exists())
        with disk(nearest), tempfile.TemporaryFile(dir=nearest) as file:
            file.write(_TRIAL)
            file.flush()
        return Trial("honoured")

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    def _require(self, key: str, etag: str | None) -> None:
        found = self.head(key)
        if (found.etag if found else None) != etag:
            raise LostRaceError(self.location(key))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import filelock

        self._folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(
            self._folder / _LOCK, timeout=_LOCK_TIMEOUT, poll_interval=_LOCK_POLL
        )
        try:
            lock.acquire()
        except filelock.Timeout:
            raise FailedError(
                f"{self._folder} has been locked by another process for {_LOCK_TIMEOUT:.0f} s",
                "Wait for the other run, or end it, then run it again.",
            ) from None
        try:
            yield
        finally:
            lock.release()


def _listed(folder: Path) -> Iterator[Listed]:
    try:
        names = sorted(filter(is_key, (path.name for path in folder.iterdir())), key=str.encode)
    except FileNotFoundError:
        return
    for name in names:
        try:
            state = (folder / name).stat()
        except FileNotFoundError:  # it went meanwhile, or is a link to nothing
            continue
        if stat.S_ISREG(state.st_mode):
            yield Listed(name, state.st_size, None, moment(state.st_mtime))


def _state(descriptor: int) -> Stored:
    digest = sha256()
    while block := os.read(descriptor, 1 << 20):
        digest.update(block)
    return Stored(digest.hexdigest())
