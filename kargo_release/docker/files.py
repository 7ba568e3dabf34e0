"""The files of an image, looked at in a container that never runs."""

import io
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kargo_release.docker.containers import container_of
from kargo_release.docker.image import ImageFile
from kargo_release.errors import InvalidError

if TYPE_CHECKING:
    from docker.api import APIClient

_BLOCK = 1 << 20
_END = 1024  # bytes
_MOST_FILES = 1_000_000
_KINDS = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


class Files:
    """The files of one image.

    Args:
        api: The engine.
        container: A container of it.
    """

    def __init__(self, api: "APIClient", container: str) -> None:
        self._api = api
        self._container = container

    def every(self) -> list[ImageFile]:
        """Return all of them, as an export tells them.

        Raises:
            InvalidError: They are more than a million.
        """
        return read_files(self._api.export(self._container, chunk_size=_BLOCK))

    def file(self, path: str) -> ImageFile | None:
        """Return the file at a path; None where there is none."""
        with self._opened(path) as archive:
            member = archive and archive.next()
            return _file(member) if member else None

    def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return what a file holds, at most ``limit`` bytes; None where there is no plain file."""
        with self._opened(path) as archive:
            member = archive and archive.next()
            if archive is None or not member or not member.isfile():
                return None
            content = archive.extractfile(member)
            return content.read(limit) if content else None

    @contextmanager
    def _opened(self, path: str) -> Iterator[tarfile.TarFile | None]:
        from docker.errors import NotFound

        try:
            blocks, _ = self._api.get_archive(self._container, path, chunk_size=_BLOCK)
        except NotFound:
            yield None
            return
        stream = io.BufferedReader(_Stream(blocks), _BLOCK)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            yield archive


@contextmanager
def opened(api: "APIClient", image: str) -> Iterator[Files]:
    """Give the files of an image, by its name or Id."""
    with container_of(api, image, command=["-"]) as container:
        yield Files(api, container)


def read_files(blocks: Iterable[bytes]) -> list[ImageFile]:
    """Return the files of a tar archive.

    Args:
        blocks: Its bytes.

    Raises:
        tarfile.TarError: It is none, or breaks off.
        InvalidError: They are more than a million.
    """
    stream, found = _Stream(blocks), []
    with tarfile.open(fileobj=io.BufferedReader(stream, _BLOCK), mode="r|") as archive:
        while member := archive.next():
            found.append(_file(member))
            archive.members = []  # type: ignore[attr-defined] # else it keeps them all
            if len(found) > _MOST_FILES:
                raise InvalidError(
                    f"the image holds over {_MOST_FILES:,} files", "Leave caches in another stage."
                )
    if not stream.has_ended():
        raise tarfile.ReadError("the end of the archive is missing")
    return found


def _file(member: tarfile.TarInfo) -> ImageFile:
    return ImageFile(
        member.name.removeprefix("./").strip("/"),
        _KINDS.get(member.type, stat.S_IFREG) | member.mode,
        member.uid,
        member.gid,
        member.size,
        member.linkname,
    )


class _Stream(io.RawIOBase):
    """Blocks of bytes, read as a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = b""
        self._last = b""

    def has_ended(self) -> bool:
        """Read to the end; whether there is a tar archive's, two records of zeros (POSIX pax)."""
        while block := self._next():
            del block
        return self._last == bytes(_END)

    def _next(self) -> bytes:
        block = next(self._blocks, b"")
        self._last = (self._last + block[-_END:])[-_END:]
        return block

    def readable(self) -> bool:
        """Return True, as `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is of the next block."""
        if not self._rest:
            self._rest = self._next()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
