"""A chart as it is published: one gzipped tar, the same bytes for the same content.

The tar stream is what `helm package` of Helm 4.2 writes for these files; the deflate stream is
zlib's, and Go's cannot be had from it. Another zlib may deflate to other bytes, so what tells two
archives apart is their content digest, and what is out is copied, never made again.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Self

from kargo_release.charts import packed, tarstream
from kargo_release.charts.packed import PackedFile, content_digest, order
from kargo_release.charts.subcharts import expand_subcharts
from kargo_release.charts.unpacking import identity, unpack
from kargo_release.errors import InvalidError

__all__ = [
    "EPOCH",
    "LARGEST_ARCHIVE",
    "ChartArchive",
    "PackedFile",
    "archive_time",
    "content_digest",
    "expand_subcharts",
    "order",
    "pack",
    "unpack",
]

EPOCH = 315532800
"""The time of every packed file, 1980-01-01T00:00:00Z: the earliest that zip and FAT know."""

# RFC 1952, with the flags FEXTRA and FCOMMENT, no time and an unknown system, as Helm fills it
# (helm/helm pkg/chart/v2/util/save.go, Save).
_EXTRA = b"+aHR0cHM6Ly95b3V0dS5iZS96OVV6MWljandyTQo="
_GZIP_HEADER = (
    b"\x1f\x8b\x08\x14" + bytes(5) + b"\xff" + struct.pack("<H", len(_EXTRA)) + _EXTRA + b"Helm\0"
)
_LEVEL = 6  # Go's default too; the header above has another flag for 9, which gains nothing here


LARGEST_ARCHIVE = 100 << 20
"""Bytes; what Helm refuses to load is no chart (pkg/chart/loader/archive, its greatest size)."""


@dataclass(frozen=True)
class ChartArchive:
    """A packed chart: its files in the archive's order, and the archive's bytes."""

    name: str
    version: str
    files: tuple[PackedFile, ...]
    tgz: bytes

    @classmethod
    def read(cls, tgz: bytes, source: str = "the chart's archive") -> Self:
        """Return the archive that ``tgz`` holds, its bytes and its order kept.

        Args:
            tgz: The archive's bytes, from wherever.
            source: How messages name the archive.

        Raises:
            InvalidError: It is not a chart's archive, or not one that Helm would load.
        """
        files = unpack(tgz, source)
        return cls(*identity(files, source), tuple(files), tgz)

    @property
    def file_name(self) -> str:
        """The name under which Helm keeps and looks for it: ``kano-1.4.0.tgz``."""
        return f"{self.name}-{self.version}.tgz"

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the archive's bytes, in hexadecimal."""
        return sha256(self.tgz).hexdigest()

    @cached_property
    def content_digest(self) -> str:
        """The digest of the files packed, ``sha256:HEX``: see `packed.content_digest`."""
        return content_digest(self.files)


def pack(name: str, version: str, files: Iterable[PackedFile], mtime: int) -> ChartArchive:
    """Return the archive of a chart, its files in Helm's order and without byte order marks.

    Args:
        name: The chart's name, and the folder that the archive holds.
        version: The chart's version.
        files: The files, subcharts expanded (see `expand_subcharts`).
        mtime: The time of every file, in seconds since 1970 (see `archive_time`).

    Raises:
        InvalidError: Helm would not load a file under its path, or the files are too large.
    """
    ordered = tuple(
        PackedFile(file.path, packed.without_byte_order_mark(file.data)) for file in order(files)
    )
    packed.check_files(ordered)
    for file in ordered:
        _check_path(name, file.path)
    entries = ((f"{name}/{file.path}", file.data) for file in ordered)
    return ChartArchive(name, version, ordered, _gzip(tarstream.write(entries, mtime)))


def archive_time(environ: Mapping[str, str]) -> int:
    """Return the time of every packed file in seconds since 1970: SOURCE_DATE_EPOCH, or EPOCH.

    Source: reproducible-builds.org, "SOURCE_DATE_EPOCH specification".

    Raises:
        InvalidError: SOURCE_DATE_EPOCH is no time that a tar header can hold.
    """
    text = environ.get("SOURCE_DATE_EPOCH", str(EPOCH))
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > tarstream.MAX_TIME:
        raise InvalidError(
            f"SOURCE_DATE_EPOCH is {text!r:.100}, not a number of seconds since 1970",
            f"set it to a whole number from 0 to {tarstream.MAX_TIME}, or unset it",
        )
    return int(text)


def _check_path(name: str, path: str) -> None:
    try:
        found = packed.path_in_chart(f"{name}/{path}")
    except InvalidError as error:
        raise InvalidError(error.message, "rename the file") from None
    if found != path:
        raise InvalidError(
            f"Helm would not find the file {path!r:.200} again in the archive of {name!r:.200}",
            "rename the file: no backslash, no slash at either end, no empty part, . or ..",
        )


def _gzip(stream: bytes) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY)
    body = deflate.compress(stream) + deflate.flush()
    return _GZIP_HEADER + body + struct.pack("<LL", zlib.crc32(stream), len(stream) & 0xFFFFFFFF)
