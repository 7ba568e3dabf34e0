"""Whether two archives hold the same chart, whoever packed them.

Helm writes Chart.yaml and Chart.lock anew when it packs, so those two are compared as data.
"""

from collections.abc import Mapping
from typing import Any

from kargo_release import yamlfile
from kargo_release.charts import metadata
from kargo_release.charts.archive import ChartArchive, expand_subcharts
from kargo_release.charts.packed import LOCK_FILE, is_of_chart
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import InvalidError


def are_alike(ours: ChartArchive, theirs: ChartArchive) -> bool:
    """Whether both archives hold the same files, Chart.yaml and Chart.lock compared as data.

    A lock that only one of them holds makes no difference: ``helm dependency update`` adds one.
    """
    return ours.content_digest == theirs.content_digest or not differences(ours, theirs)


def differences(ours: ChartArchive, theirs: ChartArchive) -> list[str]:
    """Return the paths in which the archives are not alike, each with what a person may ask.

    ``values.yaml``, ``Chart.yaml (appVersion)``, ``templates/job.yaml (only there)``.
    """
    left, right = _contents(ours), _contents(theirs)
    told = (_difference(path, left, right) for path in sorted(left.keys() | right.keys()))
    return [each for each in told if each]


def _difference(path: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    if path not in ours or path not in theirs:
        where = "here" if path in ours else "there"
        return "" if _is_lock(path) else f"{path} (only {where})"
    left, right = ours[path], theirs[path]
    if left == right:
        return ""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
        return f"{path} ({', '.join(keys)})"
    return path


def _contents(archive: ChartArchive) -> dict[str, Any]:
    """Return what each path holds: bytes, or data for the files that Helm writes anew."""
    files = expand_subcharts(archive.files)
    return {file.path: _content(file.path, file.data) for file in files}


def _content(path: str, data: bytes) -> Any:
    try:
        if is_of_chart(path, CHART_FILE):
            return metadata.read(data, path).helm
        if _is_lock(path):
            return {**yamlfile.read_mapping(data, path), "generated": None}
    except InvalidError:
        pass  # not ours to judge here: such a file is compared by its bytes
    return data


def _is_lock(path: str) -> bool:
    return is_of_chart(path, LOCK_FILE)
