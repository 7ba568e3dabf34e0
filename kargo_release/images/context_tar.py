"""A build context as a tar stream, the same bytes for the same content on any machine."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from kargo_release.errors import FailedError
from kargo_release.images.context import Context, ContextFile
from kargo_release.images.image_file import DOCKERFILE

TIME = 315532800
"""The time of every file, 1980-01-01T00:00:00Z: the earliest that zip and FAT know."""

_EXECUTABLE = "100755"


def write_tar(context: Context, path: Path) -> None:
    """Write the context into a tar file; modes are Git's, owner and time constant.

    Raises:
        FailedError: It can't be written.
        InvalidError: A file can't be used.
    """
    _write(_members(context), path)


def write_folder(context: Context, path: Path) -> None:
    """Write the context as a folder, without what BuildKit would not hide.

    Raises:
        FailedError: It can't be written.
        InvalidError: A file can't be used.
    """
    archive = path.with_suffix(".tar")
    write_tar(replace(context, hidden={}), archive)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(path, filter="tar")
        archive.unlink()
    except OSError as error:
        raise _no_room(error) from None


def write_plain(data: bytes, path: Path) -> None:
    """Write a file beside the context.

    Raises:
        FailedError: It can't be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _no_room(error) from None


def write_dockerfile(text: bytes, path: Path) -> None:
    """Write a context that holds nothing but a Dockerfile, as `write_tar` does."""
    _write([(_info(DOCKERFILE, 0o644), text)], path)


def _write(members: Iterable[tuple[tarfile.TarInfo, bytes]], path: Path) -> None:
    try:
        with tarfile.open(path, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in members:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    except OSError as error:
        raise _no_room(error) from None


def _no_room(error: OSError) -> FailedError:
    return FailedError(
        f"the context of the build can't be written: {error.strerror}",
        "Make room in the folder for temporary files, or name another in TMPDIR.",
    )


def _members(context: Context) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for folder in context.folders:
        info = _info(folder, 0o755)
        info.type = tarfile.DIRTYPE
        yield info, b""
    for file, data in context.contents():
        if file.path in context.hidden:
            continue
        yield _link(file, data) if file.entry.is_link else (_plain(file), data)
    for path, data in context.hidden.items():
        yield _info(path, 0o644), data


def _plain(file: ContextFile) -> tarfile.TarInfo:
    return _info(file.path, 0o755 if file.entry.mode == _EXECUTABLE else 0o644)


def _link(file: ContextFile, target: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = _info(file.path, 0o777)
    info.type = tarfile.SYMTYPE
    info.linkname = target.decode(errors="surrogateescape")
    return info, b""


def _info(path: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.mtime = mode, TIME
    return info
