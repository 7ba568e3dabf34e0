"""What charts were when they were last released, beside what they are."""

from collections.abc import Callable, Mapping, Sequence

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.bump.proposal import Past
from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.changes.past import packed_at
from kargo_release.charts.changes.rendering import Manifests, rendered
from kargo_release.charts.desired import counted
from kargo_release.charts.project import Project
from kargo_release.git.history import Message, messages_touching
from kargo_release.git.repository import Commit

_DIFFERS = (Kind.CHANGED, Kind.DEPENDENT)


def pasts_of(
    project: Project,
    head: Commit,
    changes: Sequence[ChartChange],
    waits: Callable[[str], None],
) -> dict[str, Past]:
    """Return what became of charts since they were released; without those that did not change.

    Args:
        project: Where the charts are.
        head: The commit that is looked at.
        changes: The charts.
        waits: Told what is being done.

    Raises:
        InvalidError: A chart can't be packed.
        RefusedError: There is no Helm.
        FailedError: Helm could not be started.
    """
    changed = [each for each in changes if each.kind in _DIFFERS and each.last is not None]
    if changed:
        waits(f"rendering {counted(len(changed))} as released and as they are")
    now = packed_at(project, head.sha, [each.name for each in changed])
    now.raise_first()
    pairs = {
        each.name: (before, now.archives[each.name])
        for each in changed
        if (before := _then(project, each)) is not None
    }
    manifests = _manifests(
        project,
        {
            name: pair
            for name, pair in pairs.items()
            if not now.charts[name].source.metadata.is_library
        },
    )
    return {
        each.name: Past(
            *pairs[each.name],
            manifests.get(each.name, (None, None)),
            _messages(project, head, each, now.charts[each.name].source.folder),
        )
        for each in changed
        if each.name in pairs
    }


def _then(project: Project, change: ChartChange) -> ChartArchive | None:
    """Return a chart as it was released; None where that can't be packed any more."""
    assert change.last is not None  # noqa: S101 - it was released
    return packed_at(project, change.last.commit, [change.name]).archives.get(change.name)


def _manifests(
    project: Project, pairs: Mapping[str, tuple[ChartArchive, ChartArchive]]
) -> dict[str, tuple[Manifests | None, Manifests | None]]:
    shown = iter(rendered(project, [each for pair in pairs.values() for each in pair]))
    return {name: (next(shown), next(shown)) for name in pairs}


def _messages(project: Project, head: Commit, change: ChartChange, folder: str) -> list[Message]:
    assert change.last is not None  # noqa: S101 - it was released
    return messages_touching(project.repository, change.last.commit, head, folder)
