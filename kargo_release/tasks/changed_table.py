"""Charts that changed, for persons: what matters first, what nobody would notice in one line."""

from collections.abc import Sequence

from kargo_release.charts.changes.change import ChartChange, Kind, Render
from kargo_release.errors import few

_ORDER = (
    *(Kind.FAILED, Kind.CHANGED, Kind.NEW, Kind.RENAMED, Kind.DEPENDENT),
    *(Kind.DELETED, Kind.UNCHANGED),
)
_NAMED = 5  # charts that the line names


def is_unnoticed(chart: ChartChange) -> bool:
    """Whether a chart only packs what changed, and renders the same."""
    return chart.kind is Kind.DEPENDENT and chart.render is Render.SAME


def place(chart: ChartChange) -> int:
    """Return where a chart stands in a table; those of one kind stay in their order."""
    return _ORDER.index(chart.kind)


def unnoticed(charts: Sequence[ChartChange]) -> list[str]:
    """Return a line on those that nobody would notice, if there are any."""
    names = [each.name for each in charts if is_unnoticed(each)]
    if not names:
        return []
    what = "1 chart only packs" if len(names) == 1 else f"{len(names)} charts only pack"
    same = "renders the same" if len(names) == 1 else "render the same"
    return [f"{what} what changed, and {same}: {few(names, _NAMED)}"]
