"""What is to be done about a chart that changed: release it, develop it, or bump it first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.dependencies import ResolvedChart
from kargo_release.errors import InvalidError, RefusedError

_OWN = (Kind.NEW, Kind.CHANGED, Kind.RENAMED)


class Step(StrEnum):
    """What a run does about a chart."""

    RELEASE = "release"
    DEVELOP = "dev release"
    NONE = "-"


@dataclass(frozen=True)
class Due:
    """A chart that changed, and what is to be done about it.

    Args:
        change: What became of it since its last release.
        step: What the run does.
        needs_bump: Whether its version is released already, so that a bump must come first.
        is_own: Whether it changed itself, not only what it packs of other charts; where a commit
            is compared with, since that.
    """

    change: ChartChange
    step: Step
    needs_bump: bool
    is_own: bool

    @property
    def name(self) -> str:
        """The chart's name."""
        return self.change.name

    @property
    def is_unbumped(self) -> bool:
        """Whether it is another than what was released as its version, to those who render it."""
        return self.change.is_due and self.change.is_released

    @property
    def is_release(self) -> bool:
        """Whether its own version is released."""
        return self.step is Step.RELEASE


def decide(change: ChartChange, since: ChartChange | None, *, dev: bool) -> Due:
    """Return what is to be done about a chart.

    Args:
        change: What became of it since its last release.
        since: What became of it since a commit; the same where none is asked for.
        dev: Whether only development versions are released.
    """
    # Of what only packs something that changed it counts what it rendered at that commit.
    is_asked = since is not None and (since.is_due or since.kind is Kind.FAILED)
    is_own = change.kind in _OWN and since is not None and since.kind in _OWN
    if not (change.is_due and is_asked):
        return Due(change, Step.NONE, False, is_own)
    step = Step.DEVELOP if dev or change.is_released else Step.RELEASE
    return Due(change, step, change.is_released, is_own)


def with_packed(due: Sequence[Due], charts: Iterable[ResolvedChart]) -> list[Due]:
    """Return the charts, released too what others pack whose release was left out so far.

    Args:
        due: All charts that changed.
        charts: Those to release.
    """
    packed = {source.name for chart in charts for source in chart.every_source()}
    return [
        replace(each, step=Step.RELEASE)
        if each.name in packed and each.change.is_due and not each.change.is_released
        else each
        for each in due
    ]


def check_bumped(due: Iterable[Due], *, cascade: bool) -> None:
    """Refuse what needs a bump: charts that changed themselves, and dependents if asked to.

    Raises:
        RefusedError: There is such a chart.
    """
    lacking = [each for each in due if each.needs_bump and (each.is_own or cascade)]
    if not lacking:
        return
    named = ", ".join(f"{each.name} {each.change.version}" for each in lacking)
    words = " ".join(each.name for each in lacking)
    raise RefusedError(
        f"changed since released as the same version: {named}",
        f"Run `kargo-release bump-chart {words}`, and commit what it changes.",
    )


def check_libraries(charts: Iterable[ResolvedChart], due: Sequence[Due]) -> None:
    """Refuse to release a chart that packs what no release of the packed chart holds.

    Args:
        charts: Those to release.
        due: All charts that changed.

    Raises:
        RefusedError: One packs a chart that changed since it was released as the same version.
    """
    unbumped = {each.name: each.change for each in due if each.is_unbumped}
    for chart in charts:
        for source in list(chart.every_source())[1:]:
            if source.name in unbumped:
                raise _unbumped(chart.source.name, unbumped[source.name])


def _unbumped(name: str, library: ChartChange) -> RefusedError:
    return RefusedError(
        f"{name} packs {library.name}, which changed since {library.version} was released of it",
        f"Bump the library: `kargo-release bump-chart {library.name}`.",
    )


def in_order(charts: Iterable[ResolvedChart]) -> list[str]:
    """Return the names of charts, those that others pack first."""
    return [each.source.name for each in sorted(charts, key=lambda chart: chart.depth)]


def refuse_unreadable(changes: Iterable[ChartChange]) -> None:
    """Refuse charts that can't be packed, for what they need is not known.

    Raises:
        InvalidError: There is one; its error is told, and the names of others.
    """
    broken = [(each.name, each.error) for each in changes if each.error is not None]
    if not broken:
        return
    (_, error), *others = broken
    names = ", ".join(name for name, _ in others)
    more = f" (and these charts can't be packed either: {names})" if names else ""
    raise InvalidError(f"{error.message}{more}", error.remedy)
