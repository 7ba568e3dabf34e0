"""From a chart's sources to its archive."""

import posixpath
from collections.abc import Iterator, Mapping

from kargo_release import yamlfile
from kargo_release.charts import archive
from kargo_release.charts.archive import ChartArchive, PackedFile, expand_subcharts
from kargo_release.charts.dependencies import ResolvedChart
from kargo_release.charts.packed import LOCK_FILE, is_of_chart, subchart_entry
from kargo_release.charts.sources import CHART_FILE, ChartSource
from kargo_release.errors import InvalidError


def pack(
    chart: ResolvedChart, blobs: Mapping[str, bytes], time: int, version: str | None = None
) -> ChartArchive:
    """Return the chart's archive, its dependencies inside.

    Args:
        chart: What is packed.
        blobs: The contents by object name, of all its sources.
        time: Of every file, in seconds since 1970.
        version: A version that replaces the one in the chart's own Chart.yaml.

    Raises:
        InvalidError: Helm would not load the files.
    """
    source = chart.source
    files = _files(chart, blobs)
    if version is not None:
        files = [_with_version(file, version, source) for file in files]
    return archive.pack(source.name, version or source.metadata.version, files, time)


def _files(chart: ResolvedChart, blobs: Mapping[str, bytes]) -> list[PackedFile]:
    replaced = {dependency.source.name for dependency in chart.dependencies}
    own = [
        PackedFile(path, blobs[entry.oid])
        for path, entry in chart.source.files.items()
        if not stands_for(path, replaced)
    ]
    _refuse_requirements(chart.source)
    files = list(_without_old_locks(expand_subcharts(own), chart.source))
    for dependency in chart.dependencies:
        folder = f"charts/{dependency.source.name}"
        files += [PackedFile(f"{folder}/{f.path}", f.data) for f in _files(dependency, blobs)]
    return files


def _without_old_locks(files: list[PackedFile], source: ChartSource) -> Iterator[PackedFile]:
    """Yield the files without the Chart.lock of charts of ``apiVersion: v1``, subcharts too.

    Helm packs no lock of those (helm/helm ``pkg/chart/v2/util/save.go``, writeTarContents).
    """
    old = {
        posixpath.dirname(file.path)
        for file in files
        if is_of_chart(file.path, CHART_FILE) and _api_version(file, source) != "v2"
    }
    for file in files:
        if not is_of_chart(file.path, LOCK_FILE) or posixpath.dirname(file.path) not in old:
            yield file


def _api_version(chart_file: PackedFile, source: ChartSource) -> object:
    if chart_file.path == CHART_FILE:
        return source.metadata.document["apiVersion"]
    return yamlfile.read_mapping(chart_file.data, chart_file.path).get("apiVersion")


def stands_for(path: str, names: set[str]) -> bool:
    """Whether a path below ``charts/`` is a copy of a dependency, as Helm would put it there.

    ``helm dependency update`` writes ``charts/NAME-VERSION.tgz`` and removes what was there.
    """
    entry = subchart_entry(path)
    if entry is None:
        return False
    return any(
        entry == name or (entry.startswith(f"{name}-") and _is_version(entry, name))
        for name in names
    )


def _is_version(entry: str, name: str) -> bool:
    """Whether what follows NAME- is a version: ``kano-api-1.0.0.tgz`` is no copy of ``kano``."""
    stem, extension = posixpath.splitext(entry)
    return extension == ".tgz" and stem[len(name) + 1 :][:1].isdigit()


def _with_version(file: PackedFile, version: str, source: ChartSource) -> PackedFile:
    if file.path != CHART_FILE:
        return file
    place = f"{source.folder}/{CHART_FILE}"
    return PackedFile(file.path, yamlfile.replace_scalar(file.data, "version", version, place))


def _refuse_requirements(source: ChartSource) -> None:
    if "requirements.yaml" in source.files:
        raise InvalidError(
            f"{source.folder}/requirements.yaml is of Helm 2 and not supported",
            f"Move its dependencies to {CHART_FILE}, with `apiVersion: v2`.",
        )
