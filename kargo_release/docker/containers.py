"""Containers of the engine: one that runs a command, and ones that only show an image's files."""

import io
import stat
import tarfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kargo_release.docker.image import Ended, ImageFile
from kargo_release.errors import InvalidError

if TYPE_CHECKING:
    from docker.api import APIClient

_OUTPUT = 64 << 10  # bytes of a command's output that are kept
_LOG_FILE = "1m"  # what the engine keeps of it, however much there is
_MEMORY = 2 << 30  # bytes
_PROCESSES = 1000
_POLL = 0.05  # seconds
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


def run_once(api: "APIClient", image: str, command: Sequence[str], timeout: float) -> Ended:
    """Run a command in a new container, without network and rights, and remove the container.

    Args:
        api: The engine.
        image: Name or Id.
        command: In place of the entry point.
        timeout: Seconds after which it is killed.
    """
    from docker.types import LogConfig

    limits = api.create_host_config(
        network_mode="none",
        mem_limit=_MEMORY,
        pids_limit=_PROCESSES,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        log_config=LogConfig(
            type=LogConfig.types.JSON, config={"max-size": _LOG_FILE, "max-file": "1"}
        ),
    )
    with _container(api, image, entrypoint=list(command), host_config=limits) as container:
        api.start(container)
        state = _ended(api, container, timeout)
        output = _last(api.logs(container, stream=True))
        code = None if state is None else int(state["ExitCode"])
        return Ended(code, output, out_of_memory=bool(state and state.get("OOMKilled")))


def files(api: "APIClient", image: str) -> list[ImageFile]:
    """Return all files of an image, as an export of a container that never ran tells them.

    Raises:
        InvalidError: They are more than a million.
    """
    with _container(api, image, command=["-"]) as container:
        return read_files(api.export(container, chunk_size=_BLOCK))


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


def read(api: "APIClient", image: str, path: str, limit: int) -> bytes | None:
    """Return what a file of an image holds, at most ``limit`` bytes; None where there is none."""
    from docker.errors import NotFound

    with _container(api, image, command=["-"]) as container:
        try:
            blocks, _ = api.get_archive(container, path, chunk_size=_BLOCK)
        except NotFound:
            return None
        stream = io.BufferedReader(_Stream(blocks), _BLOCK)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            member = archive.next()
            if member is None or not member.isfile():
                return None
            content = archive.extractfile(member)
            return content.read(limit) if content else None


@contextmanager
def _container(api: "APIClient", image: str, **options: Any) -> Iterator[str]:
    """Give a new container's Id, and remove it at the end, whatever happens."""
    from docker.errors import APIError

    container = str(api.create_container(image, **options)["Id"])
    try:
        yield container
    finally:
        with suppress(APIError, OSError):  # the error in the block is what must be told
            api.remove_container(container, force=True, v=True)


def _ended(api: "APIClient", container: str, timeout: float) -> Any:
    """Return the state in which the container ended by itself; None when it had to be killed."""
    from docker.errors import APIError

    end = time.monotonic() + timeout
    while (state := api.inspect_container(container)["State"])["Running"]:
        if time.monotonic() > end:
            with suppress(APIError):  # it may have ended by itself meanwhile
                api.kill(container)
                return None
        time.sleep(_POLL)
    return state


def _last(blocks: Iterator[bytes]) -> str:
    """Return the end of an output of any length."""
    kept: deque[bytes] = deque()
    size = 0
    for block in blocks:
        kept.append(block)
        size += len(block)
        while size - len(kept[0]) > _OUTPUT:
            size -= len(kept.popleft())
    return b"".join(kept)[-_OUTPUT:].decode(errors="replace")


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
