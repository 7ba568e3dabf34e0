"""Whether two archives hold the same chart, whoever packed them.

Helm writes Chart.yaml and Chart.lock anew when it packs, so those two are compared as data.
"""

from typing import Any

from kargo_release import yamlfile
from kargo_release.charts import metadata
from kargo_release.charts.archive import ChartArchive, expand_subcharts
from kargo_release.errors import InvalidError

_CHART, _LOCK = "Chart.yaml", "Chart.lock"


def are_alike(ours: ChartArchive, theirs: ChartArchive) -> bool:
    """Whether both archives hold the same files, Chart.yaml and Chart.lock compared as data.

    A lock that only one of them holds makes no difference: ``helm dependency update`` adds one.
    """
    if ours.content_digest == theirs.content_digest:
        return True
    left, right = _contents(ours), _contents(theirs)
    return all(
        _is_lock(path) if path not in left or path not in right else left[path] == right[path]
        for path in left.keys() | right.keys()
    )


def _contents(archive: ChartArchive) -> dict[str, Any]:
    """Return what each path holds: bytes, or data for the files that Helm writes anew."""
    files = expand_subcharts(archive.files)
    return {file.path: _content(file.path, file.data) for file in files}


def _content(path: str, data: bytes) -> Any:
    try:
        if _is_written_anew(path, _CHART):
            return metadata.read(data, path).helm
        if _is_lock(path):
            return {**yamlfile.read_mapping(data, path), "generated": None}
    except InvalidError:
        pass  # not ours to judge here: such a file is compared by its bytes
    return data


def _is_lock(path: str) -> bool:
    return _is_written_anew(path, _LOCK)


def _is_written_anew(path: str, name: str) -> bool:
    """Whether the path is the file ``name`` of the chart itself or of a subchart at any depth."""
    *folders, last = path.split("/")
    return last == name and len(folders) % 2 == 0 and set(folders[::2]) <= {"charts"}
