"""Tar streams, byte for byte as Helm writes them.

Helm hands Go's ``archive/tar`` a name, mode 0644, a size and a time (helm/helm
``pkg/chart/v2/util/save.go``, writeToTar); what that writer makes of it is in golang/go
``src/archive/tar/writer.go`` and ``strconv.go``. Formats: POSIX.1-1988 (USTAR) and
POSIX.1-2001 (PAX), ``pax`` utility, "ustar Interchange Format" and "pax Extended Header".
"""

import posixpath
import struct
from collections.abc import Iterable

from kargo_release.errors import InvalidError

BLOCK = 512
MAX_TIME = 8**11 - 1
"""The last second that USTAR can write: eleven octal digits, in the year 2242."""

_NAME_SIZE, _PREFIX_SIZE = 100, 155
_MAX_EXTENDED = 1 << 20  # Go refuses longer extended headers, writing and reading
# name, mode, uid, gid, size, mtime, checksum, type, link name, magic and version,
# user, group, device numbers, prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_ZERO = b"0000000\0"


def write(files: Iterable[tuple[str, bytes]], mtime: int) -> bytes:
    """Return the tar stream of ``files``, in the order given.

    Args:
        files: Names and contents. A name is relative, '/'-separated and cleaned, as Go's
            ``path.Join`` leaves it: no empty part, no ``.`` or ``..``, no slash at the end.
        mtime: The time of every file, in seconds since 1970.

    Raises:
        InvalidError: A name cannot be written.
    """
    blocks: list[bytes] = []
    for name, data in files:
        blocks += header(name, len(data), mtime), data, padding(len(data))
    blocks.append(bytes(2 * BLOCK))
    return b"".join(blocks)


def header(name: str, size: int, mtime: int) -> bytes:
    """Return what stands before a file's content: a header, after an extended one if need be.

    Raises:
        InvalidError: The name cannot be written.
    """
    path = _encoded(name)
    prefix, suffix = _split(path)
    numbers = {b"mtime": mtime, b"size": size}
    records = {key: b"%d" % number for key, number in numbers.items() if not _fits(number)}
    if not records and len(suffix) <= _NAME_SIZE and path.isascii():
        return _block(suffix, _octal(size), _octal(mtime), b"0", prefix)
    if len(path) > _NAME_SIZE or not path.isascii():
        records[b"path"] = path
    main = _block(_field(_ascii(path)), _octal(size), _octal(mtime), b"0")
    return _extended(path, records) + main


def padding(size: int) -> bytes:
    """Return the zeros that fill the last block of ``size`` bytes."""
    return bytes(-size % BLOCK)


def _encoded(name: str) -> bytes:
    try:
        path = name.encode()
    except UnicodeEncodeError:
        path = b""
    if not path or b"\0" in path or path.endswith(b"/") or len(path) >= _MAX_EXTENDED - BLOCK:
        raise InvalidError(
            f"no archive can hold a file of the name {name[:_PREFIX_SIZE]!r}", "rename the file"
        )
    return path


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Return prefix and name as USTAR stores them; no prefix where it needs or allows none."""
    cut = path.rfind(b"/", 0, _PREFIX_SIZE + 1)
    if len(path) <= _NAME_SIZE or cut <= 0 or len(path) - cut - 1 > _NAME_SIZE:
        return b"", path
    return path[:cut], path[cut + 1 :]


def _ascii(path: bytes) -> bytes:
    return bytes(byte for byte in path if byte < 0x80)  # noqa: PLR2004 - the end of ASCII


def _field(path: bytes) -> bytes:
    """Return a name cut to its field: readers take one that ends in a slash for a folder."""
    field = path[:_NAME_SIZE]
    if len(path) > _NAME_SIZE and field.endswith(b"/"):
        end = len(field[:-1].rstrip(b"/"))
        field = field[:end] + b"\0" + field[end + 1 :]
    return field


def _fits(number: int) -> bool:
    return 0 <= number <= MAX_TIME


def _octal(number: int) -> bytes:
    return b"%011o\0" % (number if _fits(number) else 0)


def _extended(path: bytes, records: dict[bytes, bytes]) -> bytes:
    """Return an extended header; it bears no time and no device numbers."""
    data = b"".join(_record(key, value) for key, value in sorted(records.items()))
    folder, base = posixpath.split(path)
    name = _ascii(posixpath.join(folder, b"PaxHeaders.0", base))[:_NAME_SIZE].rstrip(b"/")
    return _block(name, _octal(len(data)), _octal(0), b"x") + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    """Return ``LENGTH KEY=VALUE`` and a line feed; the length counts its own digits."""
    rest = len(key) + len(value) + len(b" =\n")
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _block(name: bytes, size: bytes, mtime: bytes, kind: bytes, prefix: bytes = b"") -> bytes:
    plain = kind == b"0"
    mode, device = (b"0000644\0", _ZERO) if plain else (_ZERO, b"")

    def packed(checksum: bytes) -> bytes:
        ids = (mode, _ZERO, _ZERO, size, mtime, checksum, kind, b"", b"ustar\x0000", b"", b"")
        return _HEADER.pack(name, *ids, device, device, prefix)

    return packed(b"%06o\0 " % sum(packed(b" " * 8)))
