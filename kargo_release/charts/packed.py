"""The files of a packed chart: their paths, their order, the digest of their content."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from kargo_release.errors import InvalidError

MAX_FILE_SIZE = 5 << 20
"""The largest file that Helm loads, in bytes: helm/helm ``pkg/chart/loader/archive/archive.go``."""
MAX_CHART_SIZE = 100 << 20
"""What all files of a chart together must stay below, in bytes (the same source)."""
MAX_FILES = 10_000
"""Our own limit, far above any real chart; Helm has none."""

_MAX_PATH = 1024  # our own; Helm has none
_DRIVE = re.compile(r"[a-zA-Z]:/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BYTE_ORDER_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")


@dataclass(frozen=True)
class PackedFile:
    """A file of a chart; ``path`` is relative to the chart's folder and '/'-separated."""

    path: str
    data: bytes


def content_digest(files: Iterable[PackedFile]) -> str:
    r"""Return the identity of a chart's content, ``sha256:HEX``, in whatever order it comes.

    It is the sha256 of the lines ``HEX  PATH\n`` (two spaces, as ``sha256sum`` writes them), one
    for each file, HEX being the sha256 of its bytes, sorted by the UTF-8 bytes of the path.
    To work it out by hand, in the chart's folder of an unpacked archive, with GNU tools::

        find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
    """
    digest = sha256()
    for file in sorted(files, key=lambda each: each.path.encode()):
        digest.update(f"{sha256(file.data).hexdigest()}  {file.path}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def order(files: Iterable[PackedFile]) -> list[PackedFile]:
    """Return the files as Helm writes them into an archive.

    Chart.yaml, Chart.lock, values.yaml, values.schema.json, templates, other files, and then the
    subcharts by name, each in this order (helm/helm ``pkg/chart/v2/util/save.go``,
    writeTarContents; its own order of subcharts is random). Within a group each folder's names
    are sorted, files and folders alike (``internal/sympath/walk.go``): ``a/b`` is before ``a.txt``.
    """
    return sorted(files, key=lambda file: _place(file.path))


def subchart_entry(path: str) -> str | None:
    """Return which entry of ``charts/`` a path belongs to, or None when it is the chart's own.

    Provenance files are the chart's own wherever they lie (helm/helm
    ``pkg/chart/v2/loader/load.go``, LoadFiles).
    """
    if not path.startswith("charts/") or path.endswith(".prov"):
        return None
    return path.split("/", 2)[1]


def is_of_chart(path: str, name: str) -> bool:
    """Whether the path is the file ``name`` of the chart itself or of a subchart at any depth."""
    *folders, last = path.split("/")
    return last == name and len(folders) % 2 == 0 and set(folders[::2]) <= {"charts"}


LOCK_FILE = "Chart.lock"
_FIRST = ("Chart.yaml", LOCK_FILE, "values.yaml", "values.schema.json")
_TEMPLATES, _OTHERS, _SUBCHARTS = range(len(_FIRST), len(_FIRST) + 3)


def _place(path: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return the key to sort by: the subcharts that lead to a file, then its group and path."""
    place: list[tuple[int, tuple[str, ...]]] = []
    while (entry := subchart_entry(path)) is not None and path.count("/") > 1:
        place.append((_SUBCHARTS, (entry,)))
        path = path.split("/", 2)[2]
    return [*place, (_group(path), tuple(path.split("/")))]


def _group(path: str) -> int:
    if path in _FIRST:
        return _FIRST.index(path)
    return _TEMPLATES if path.startswith("templates/") else _OTHERS


def path_in_chart(name: str) -> str:
    """Return the path, below the chart's folder, of an archive's entry.

    The rules are those of Helm's loader (helm/helm ``pkg/chart/loader/archive/archive.go``,
    LoadArchiveFiles): the first part is the folder, whatever its name, and a name with a
    backslash is taken apart at its backslashes.

    Raises:
        InvalidError: The entry would lie outside the chart, or bears a name that we refuse.
    """
    separator = "\\" if "\\" in name else "/"
    folder, _, rest = name.partition(separator)
    rest = rest.replace(separator, "/")
    path = posixpath.normpath(rest)
    for reason, hit in _faults(folder, rest, path):
        if hit:
            raise InvalidError(
                f"the entry {name[:200]!r} {reason}", "do not use this archive, or rename the file"
            )
    return path


def _faults(folder: str, rest: str, path: str) -> Iterable[tuple[str, object]]:
    yield "has an absolute path", rest.startswith("/")
    yield "lies outside the chart's folder", path == "." or folder == "Chart.yaml"
    yield "points to a parent folder", path.startswith("..")
    yield "names a Windows drive", _DRIVE.match(path)
    # A line feed in a name could make the lines of two charts equal in the content digest.
    yield "has a control character in its name", _CONTROL.search(path)
    yield "has too long a path", len(path.encode(errors="surrogatepass")) > _MAX_PATH


def without_byte_order_mark(data: bytes) -> bytes:
    """Return the data without the UTF-8 byte order mark that Helm drops from every file.

    Helm drops one, both when it packs and when it loads; we drop all that stand in front, so that
    what is read from an archive is what was packed.
    """
    marks = _BYTE_ORDER_MARKS.match(data)
    return data[marks.end() :] if marks else data


def check_files(files: Iterable[PackedFile]) -> None:
    """Make sure that Helm loads a chart of these files.

    Raises:
        InvalidError: There are too many files or bytes, or two files of one path.
    """
    seen: set[str] = set()
    total = 0
    for file in files:
        check_size(file.path, len(file.data))
        if file.path in seen:
            raise InvalidError(
                f"the chart holds {file.path} twice", "make the archive with one file of that path"
            )
        seen.add(file.path)
        total += len(file.data)
        check_total(len(seen), total)


def check_size(path: str, size: int) -> None:
    """Make sure that a file is not larger than Helm loads.

    Raises:
        InvalidError: It is larger.
    """
    if size > MAX_FILE_SIZE:
        raise InvalidError(
            f"{path} has {size:,} bytes, and Helm loads no file over 5 MiB",
            "make the file smaller, or keep it out of the chart with .helmignore",
        )


def check_total(count: int, size: int) -> None:
    """Make sure that the files together are not more than Helm, or we, load.

    Raises:
        InvalidError: They are more.
    """
    if count > MAX_FILES or size >= MAX_CHART_SIZE:
        raise InvalidError(
            f"the chart is too large: its files must be at most {MAX_FILES:,} and below 100 MiB",
            "keep what the chart does not need out of it with .helmignore",
        )
