"""The files of an image, looked at in a container that never runs."""

import json
import stat
import tarfile
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, cast

from kargo_release.docker.containers import container_of
from kargo_release.docker.image import ImageFile
from kargo_release.errors import InvalidError

if TYPE_CHECKING:
    from docker.api import APIClient

_BLOCK = 1 << 20
_END = 1024  # bytes
_MOST_FILES = 1_000_000
_MOST_READ = 1 << 20  # bytes of one file
_KINDS = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}
# golang.org/pkg/io/fs, FileMode, as which the engine tells a file's mode.
_GO_SET_IDS = {1 << 23: stat.S_ISUID, 1 << 22: stat.S_ISGID}
_GO_KINDS = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19


class Files:
    """The files of one image.

    Args:
        api: The engine.
        container: A container of it.
    """

    def __init__(self, api: "APIClient", container: str) -> None:
        self._api = api
        self._container = container

    def every(self, wanted: Collection[str] = ()) -> list[ImageFile]:
        """Return all of them, as an export tells them.

        Args:
            wanted: Paths of files whose content is kept, too.

        Raises:
            InvalidError: They are more than a million.
        """
        return read_files(self._api.export(self._container, chunk_size=_BLOCK), wanted)

    def set_ids(self, path: str) -> int:
        """Return the set-uid and set-gid bits of the plain file at a path; 0 where there is none.

        Its state alone is asked for, as the library can't (Engine API, ContainerArchiveInfo): for
        the content, too, the engine would start a process.
        """
        api = self._api
        address = f"{api.base_url}/v{api.api_version}/containers/{self._container}/archive"
        answer = api.head(address, params={"path": f"/{path}"}, timeout=api.timeout)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return 0
        answer.raise_for_status()
        told = json.loads(b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        return _set_ids(int(told["mode"]))


def _set_ids(mode: int) -> int:
    return 0 if mode & _GO_KINDS else sum(bit for go, bit in _GO_SET_IDS.items() if mode & go)


@contextmanager
def opened(api: "APIClient", image: str) -> Iterator[Files]:
    """Give the files of an image, by its name or Id."""
    with container_of(api, image, command=["-"]) as container:
        yield Files(api, container)


def read_files(blocks: Iterable[bytes], wanted: Collection[str] = ()) -> list[ImageFile]:
    """Return the files of a tar archive.

    Args:
        blocks: Its bytes.
        wanted: Paths of files whose content is kept, too.

    Raises:
        tarfile.TarError: It is none, or breaks off.
        InvalidError: They are more than a million.
    """
    stream, found = _Stream(blocks), []
    # As a file, for tarfile's own reader of streams takes them apart into blocks of 10 kB.
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
        while member := archive.next():
            found.append(_file(archive, member, wanted))
            archive.members = []  # type: ignore[attr-defined] # else it keeps them all
            if len(found) > _MOST_FILES:
                raise InvalidError(
                    f"the image holds over {_MOST_FILES:,} files", "Leave caches in another stage."
                )
    if not stream.has_ended():
        raise tarfile.ReadError("the end of the archive is missing")
    return found


def _file(archive: tarfile.TarFile, member: tarfile.TarInfo, wanted: Collection[str]) -> ImageFile:
    path = member.name.removeprefix("./").strip("/")
    content = archive.extractfile(member) if path in wanted and member.isfile() else None
    return ImageFile(
        path,
        _KINDS.get(member.type, stat.S_IFREG) | member.mode,
        member.uid,
        member.gid,
        member.size,
        member.linkname,
        content.read(_MOST_READ) if content else b"",
    )


class _Stream:
    """Blocks of bytes, read as a file in which nobody goes back."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")
        self._last = b""
        self._place = 0

    def has_ended(self) -> bool:
        """Read to the end; whether there is a tar archive's, two records of zeros (POSIX pax)."""
        while self._next():
            pass
        return self._last == bytes(_END)

    def _next(self) -> bool:
        """Take the next block; whether there is one."""
        block = next(self._blocks, b"")
        self._last = (self._last + block[-_END:])[-_END:]
        self._rest = memoryview(block)
        return bool(block)

    def tell(self) -> int:
        """Return how many bytes lie before."""
        return self._place

    def seek(self, place: int) -> int:
        """Go forward, at most to the end."""
        while self._place < place and (self._rest or self._next()):
            self._taken(place - self._place)
        return self._place

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end."""
        taken = bytes(self._taken(size))
        while len(taken) < size and self._next():
            taken += self._taken(size - len(taken))
        return taken

    def _taken(self, size: int) -> memoryview:
        """Return what there is of the next bytes, without a copy."""
        taken, self._rest = self._rest[:size], self._rest[size:]
        self._place += len(taken)
        return taken
