"""Reading tar streams that a stranger may have made, bounded in memory and time.

Python's ``tarfile`` cannot be used on those: before its repairs of 2024 and 2025 (CVE-2024-6232,
CVE-2025-8194) an archive of 64 KiB keeps it busy for seconds, one of 1 MiB for an hour. This
reader knows regular files, folders and the extended headers of PAX and GNU, and refuses the rest.
Format: POSIX.1-2001, ``pax`` utility; GNU tar manual, "Basic Tar Format"; limits and choices as in
golang/go ``src/archive/tar/reader.go``, which Helm uses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from kargo_release.charts.packed import check_size
from kargo_release.charts.tarstream import BLOCK
from kargo_release.errors import InvalidError

_MAX_EXTENDED = 16 << 20  # all of them together: as many files as we pack have less
_MAX_DIGITS = 20  # of a 64-bit number
_OCTAL = re.compile(rb"[0-7]*")
_FILES, _FOLDERS, _EXTENDED, _LONG_NAME, _IGNORED = b"0\0", b"5", b"x", b"L", b"gK"
_WANTED = {b"path", b"size"}
_CHUNK = 1 << 16


class Source(Protocol):
    """Where the stream comes from; it is the source that bounds how much is read in all."""

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes, or fewer at the end."""
        ...


@dataclass(frozen=True)
class _Header:
    name: bytes
    size: int
    kind: bytes


def read(source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each regular file.

    Raises:
        InvalidError: The stream is damaged, holds a link, a device or another special file, or a
            file is larger than Helm loads.
    """
    records: dict[bytes, bytes] = {}
    extended = 0
    while (block := source.read(BLOCK)) and block.count(0) < BLOCK:
        header = _header(block)
        if header.kind in _EXTENDED + _LONG_NAME + _IGNORED:
            extended += header.size
            if extended > _MAX_EXTENDED:
                raise _damaged("its extended headers are too long")
            records.update(_extension(source, header))
            continue
        name = _name(records.get(b"long name") or records.get(b"path") or header.name)
        if _is_file(header, name):
            size = _size(records, header)
            check_size(name, size)
            yield name, _content(source, size)
        records = {}
    _end(source)


def _damaged(what: str) -> InvalidError:
    return InvalidError(f"the archive is damaged: {what}", "fetch the archive again, or remake it")


def _header(block: bytes) -> _Header:
    if len(block) < BLOCK:
        raise _damaged("it ends too early")
    checksum = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if _number(block[148:156]) != checksum:
        raise _damaged("a header does not have the sum it states")
    name, prefix = _text(block[:100]), _text(block[345:500])
    if block[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return _Header(name, _number(block[124:136]), block[156:157])


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Return a number, in octal or, with the first bit set, in GNU's base 256."""
    if field[0] == 0x80:  # noqa: PLR2004 - the mark of a positive number in base 256
        return int.from_bytes(field[1:], "big")
    digits = _text(field.strip(b" \0"))
    if not _OCTAL.fullmatch(digits):
        raise _damaged("a header holds a number that is none")
    return int(digits or b"0", 8)


def _extension(source: Source, header: _Header) -> dict[bytes, bytes]:
    """Return what an extended header says of the next file; global ones say nothing of names."""
    data = _content(source, header.size)
    if header.kind == _LONG_NAME:
        return {b"long name": _text(data)}
    return dict(_records(data)) if header.kind == _EXTENDED else {}


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield path and size from ``LENGTH KEY=VALUE`` lines; the length is of the whole line."""
    start = 0
    while start < len(data):
        space = data.find(b" ", start, start + _MAX_DIGITS)
        length = data[start:space] if space > 0 else b""
        end = start + int(length) if length.isdigit() else 0
        record = data[space + 1 : end]
        if end > len(data) or not record.endswith(b"\n"):
            raise _damaged("an extended header cannot be read")
        key, _, value = record[:-1].partition(b"=")
        if key.startswith(b"GNU.sparse."):
            raise InvalidError("the archive holds a sparse file", "make it with `helm package`")
        if key in _WANTED:
            yield key, value
        start = end


def _name(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise InvalidError(
            f"the archive holds a name that is not UTF-8: {name[:200]!r}", "rename the file"
        ) from None


def _is_file(header: _Header, name: str) -> bool:
    folder = header.kind in _FOLDERS or (header.kind == b"\0" and name.endswith("/"))
    if not folder and header.kind not in _FILES:
        raise InvalidError(
            f"the archive holds a link, a device or another special file: {name[:200]!r}",
            "make it with `helm package`, which packs regular files only",
        )
    return not folder


def _size(records: dict[bytes, bytes], header: _Header) -> int:
    """Return the size of a file: the extended header's, else the header's own."""
    size = records.get(b"size")
    if not size:
        return header.size
    if not size.isdigit() or len(size) > _MAX_DIGITS:
        raise _damaged("an extended header holds a size that is none")
    return int(size)


def _content(source: Source, size: int) -> bytes:
    data = source.read(size)
    rest = -size % BLOCK
    if len(data) < size or len(source.read(rest)) < rest:
        raise _damaged("it ends too early")
    return data


def _end(source: Source) -> None:
    """Read to the end: a gzip checksum stands there, and nothing else may."""
    while chunk := source.read(_CHUNK):
        if chunk.count(0) < len(chunk):
            raise _damaged("something follows its end")
