"""What lies in a chart's ``charts/``: folders and packed charts, all written as folders.

The rules are those of Helm's loader and packer (helm/helm ``pkg/chart/v2/loader/load.go``,
LoadFiles; ``pkg/chart/v2/util/save.go``, writeTarContents).
"""

from collections.abc import Iterable

from kargo_release.charts.packed import PackedFile, check_total, subchart_entry
from kargo_release.charts.unpacking import Allowance, identity, unpack
from kargo_release.errors import InvalidError

MAX_DEPTH = 16
"""How many charts may lie in one another, the outermost included; our own, Helm has none."""


def expand_subcharts(files: Iterable[PackedFile]) -> list[PackedFile]:
    """Return the files of a chart as Helm packs them, each subchart as ``charts/NAME/``.

    NAME is the name in the subchart's Chart.yaml, whatever the folder or ``.tgz`` is called.
    Entries of ``charts/`` that begin with ``_`` or ``.`` are left out, ``.prov`` files stay.

    Raises:
        InvalidError: A packed subchart cannot be read, a folder holds no chart, something else
            lies in ``charts/``, two subcharts have one name, or they are nested too deep.
    """
    return _expand(files, "charts/", Allowance(), MAX_DEPTH)


def _expand(
    files: Iterable[PackedFile], where: str, allowance: Allowance, depth: int
) -> list[PackedFile]:
    if not depth:
        raise InvalidError(
            f"{where[:200]}… holds charts in charts, more than {MAX_DEPTH} deep",
            "look for a chart that was packed into itself",
        )
    own, entries = _sort(files)
    size = sum(len(file.data) for file in own)
    entry_of: dict[str, str] = {}
    for entry, members in entries.items():
        chart = _chart(entry, members, where, allowance)
        name, _ = identity(chart, where + entry)
        _check_once(entry_of, name, entry, where)
        inner = _expand(chart, f"{where}{entry}/charts/", allowance, depth - 1)
        own += [PackedFile(f"charts/{name}/{file.path}", file.data) for file in inner]
        size += sum(len(file.data) for file in inner)
        check_total(len(own), size)
    return own


def _sort(files: Iterable[PackedFile]) -> tuple[list[PackedFile], dict[str, list[PackedFile]]]:
    """Return the chart's own files, and what each entry of ``charts/`` holds."""
    own: list[PackedFile] = []
    entries: dict[str, list[PackedFile]] = {}
    for file in files:
        entry = subchart_entry(file.path)
        if entry is None:
            own.append(file)
        elif not entry.startswith(("_", ".")):
            entries.setdefault(entry, []).append(file)
    return own, entries


def _chart(
    entry: str, members: list[PackedFile], where: str, allowance: Allowance
) -> list[PackedFile]:
    is_file = members[0].path == f"charts/{entry}"
    if entry.endswith(".tgz") and is_file:
        return unpack(members[0].data, where + entry, allowance)
    if is_file or entry.endswith(".tgz"):
        raise InvalidError(
            f"{where}{entry} is neither a chart's folder nor a packed chart, and Helm refuses it",
            "move it elsewhere, or let its name begin with an underscore",
        )
    prefix = f"charts/{entry}/"
    return [PackedFile(file.path.removeprefix(prefix), file.data) for file in members]


def _check_once(entry_of: dict[str, str], name: str, entry: str, where: str) -> None:
    other = entry_of.setdefault(name, entry)
    if other != entry:
        raise InvalidError(
            f"{where} holds the chart {name} twice, as {other} and as {entry}",
            "keep one of them: in an archive both would have the same paths",
        )
