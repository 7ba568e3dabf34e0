"""The last release of each chart, told by this clone's tags."""

from collections.abc import Iterable
from dataclasses import dataclass

from kargo_release import versions
from kargo_release.charts.inventory.known import Known, KnownVersions, Ref
from kargo_release.git.repository import Repository


@dataclass(frozen=True)
class LastRelease:
    """A released version of a chart: its tag, and the commit that the tag stands for."""

    version: str
    tag: str
    commit: str


class Releases:
    """The released versions of charts.

    Args:
        repository: The clone; only the tags that it has are known.
        form: The tags' form, the setting ``git.tag``.
        charts: The charts that there are now: they decide what a tag means that may be read twice.
    """

    def __init__(self, repository: Repository, form: str, charts: Iterable[str]) -> None:
        tags = repository.local_tags()
        self._known = KnownVersions()
        refs = (Ref(name, commit, commit) for name, commit in tags.items())
        self._known.add_tags(refs, form, charts)

    @property
    def names(self) -> set[str]:
        """The charts that were ever released, gone ones too."""
        return self._known.names

    def last(self, name: str, version: str = "") -> LastRelease | None:
        """Return the newest release that is not newer than ``version``; of all where none is older.

        On a branch that maintains 1.x, 2.0.0 is not what the chart was last released as.

        Args:
            name: The chart.
            version: What its Chart.yaml says; empty where that is gone.
        """
        found = self._known.of(name)
        if not found:
            return None
        if exact := next((each for each in found if each.version == version), None):
            return _release(exact)  # of several that differ in +build alone, the very one
        limit = versions.precedence_of(version) if versions.is_strict(version) else None
        ages = ((each, versions.precedence_of(each.version) or ()) for each in found)
        older = (each for each, age in ages if limit and age <= limit)
        return _release(next(older, found[0]))


def _release(known: Known) -> LastRelease:
    tag = known.tag
    assert tag is not None  # noqa: S101 - only tags were taken in
    return LastRelease(known.version, tag.name, tag.commit)
