"""Which new chart is one that is gone, under another name."""

from collections.abc import Iterable, Mapping

from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.sources import CHART_FILE
from kargo_release.git.repository import Commit, Repository

_ALIKE = 0.5  # of the files must be the same, as Git has it (git-diff(1), --find-renames)


def renames(
    repository: Repository,
    folder: str,
    head: str,
    charts: Mapping[str, ChartChange],
    gone: Iterable[ChartChange],
) -> dict[str, str]:
    """Return what new charts were called before, by their names now.

    Args:
        repository: The clone.
        folder: Where charts are.
        head: The commit that is looked at.
        charts: Those that are there, by name.
        gone: Those that were.
    """
    old = {each.name: _files(repository, each.base, f"{folder}/{each.name}") for each in gone}
    new = [name for name, each in charts.items() if each.kind is Kind.NEW] if old else []
    files = {name: _files(repository, head, f"{folder}/{name}") for name in new}
    pairs = ((_likeness(files[name], old[each]), name, each) for name in files for each in old)
    found: dict[str, str] = {}
    for likeness, name, origin in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if likeness >= _ALIKE and name not in found and origin not in found.values():
            found[name] = origin
    return found


def _files(repository: Repository, commit: str, folder: str) -> set[str]:
    """Return the contents of a chart, but that which its own name is in."""
    entries = repository.tree(Commit(commit, 0)).entries(folder) if commit else []
    return {each.oid for each in entries if each.path != f"{folder}/{CHART_FILE}"}


def _likeness(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(len(one), len(other), 1)
