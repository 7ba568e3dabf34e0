"""Chart archives that are out there, made by us, by Helm or by a stranger: bytes to files."""

import gzip
import io
import re
import reprlib
import zlib
from typing import Any

from kargo_release import yamlfile
from kargo_release.charts import tarreader
from kargo_release.charts.packed import (
    MAX_CHART_SIZE,
    PackedFile,
    check_files,
    check_total,
    path_in_chart,
    without_byte_order_mark,
)
from kargo_release.errors import InvalidError

# Files below Helm's limit, with the headers of as many files with as long paths as we pack.
MAX_STREAM_SIZE = MAX_CHART_SIZE + (40 << 20)
_PLAIN = re.compile(r"[^/\\\x00-\x1f\x7f]+")


class Allowance:
    """How many bytes may still be inflated, by an archive and by all that are packed in it."""

    def __init__(self) -> None:
        self._left = MAX_STREAM_SIZE

    def take(self, size: int) -> None:
        """Take ``size`` bytes from what is left.

        Raises:
            InvalidError: So many are not left.
        """
        if size > self._left:
            raise InvalidError(
                f"the archive unpacks to more than {MAX_STREAM_SIZE >> 20} MiB, "
                "and Helm loads less than 100 MiB of files",
                "do not use this archive",
            )
        self._left -= size


class _Inflated:
    """The tar stream in a gzip file of one or more members."""

    def __init__(self, tgz: bytes, allowance: Allowance) -> None:
        self._stream = gzip.GzipFile(fileobj=io.BytesIO(tgz))
        self._allowance = allowance

    def read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidError(
                f"the archive is not gzip, or is damaged: {error}",
                "fetch the archive again, or make it with `helm package`",
            ) from error
        self._allowance.take(len(data))
        return data


def unpack(
    tgz: bytes, source: str = "the chart's archive", allowance: Allowance | None = None
) -> list[PackedFile]:
    """Return the files of an archive in the archive's order, without byte order marks.

    Args:
        tgz: The gzipped tar stream.
        source: How messages name the archive.
        allowance: What archives packed in one another may inflate to together.

    Raises:
        InvalidError: It is damaged, larger than Helm loads, or holds what Helm or we refuse.
    """
    try:
        return _unpack(_Inflated(tgz, allowance or Allowance()))
    except InvalidError as error:
        raise InvalidError(f"{source}: {error.message}", error.remedy) from error


def _unpack(stream: _Inflated) -> list[PackedFile]:
    files: list[PackedFile] = []
    total = 0
    for name, data in tarreader.read(stream):
        total += len(data)
        check_total(len(files) + 1, total)
        files.append(PackedFile(path_in_chart(name), without_byte_order_mark(data)))
    check_files(files)
    if not any(file.path == "Chart.yaml" for file in files):
        raise InvalidError("there is no Chart.yaml in it", "make it with `helm package`")
    return files


def identity(files: list[PackedFile], source: str) -> tuple[str, str]:
    """Return name and version as the Chart.yaml among ``files`` states them.

    Raises:
        InvalidError: There is none, it cannot be read, or name or version are not plain texts
            that can stand in a file name.
    """
    where = f"{source}: Chart.yaml"
    data = next((file.data for file in files if file.path == "Chart.yaml"), None)
    if data is None:
        raise InvalidError(f"{where} is missing", "a chart needs a Chart.yaml in its folder")
    fields = yamlfile.read_mapping(data, where)
    return _plain(fields, "name", where), _plain(fields, "version", where)


def _plain(fields: dict[str, Any], key: str, where: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not _PLAIN.fullmatch(value) or value in {".", ".."}:
        raise InvalidError(
            f"{where} has no usable {key}: {reprlib.repr(value)}",
            f"write the {key} as text without slashes, in quotes if it looks like a number",
        )
    return value
