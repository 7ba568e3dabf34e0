"""Before and after the tag, which is a release's commit point: the last look, and the claims' end.

The whole protocol stands in ``docs/protocol.md``.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from kargo_release import plan
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.route import Route, Rows
from kargo_release.errors import FailedError, KargoError, RefusedError
from kargo_release.plan import Outcome, Row


def look_again(route: Route, rows: Rows, waits: Callable[[str], None]) -> Rows:
    """Return the rows, with an error where the claim or a copy is not as we left it."""
    todo = {i: row for i, row in enumerate(rows) if row.error is None and row.lacks("tag")}
    if not todo:
        return rows
    waits("looking again at what is out, before the tag")
    releases = [row.desired for row in todo.values()]
    try:
        lost = route.claims.lost(releases) if route.claims is not None else []
        seen = plan.compare(route.archives, releases)
    except KargoError as error:
        return [row.stopped(error) if i in todo else row for i, row in enumerate(rows)]
    confirmed = {i: _confirmed(todo[i], each, lost) for i, each in zip(todo, seen, strict=True)}
    return [confirmed.get(i, row) for i, row in enumerate(rows)]


def _confirmed(
    row: Row[ChartRelease], seen: Row[ChartRelease], lost: Sequence[ChartRelease]
) -> Row[ChartRelease]:
    error = seen.error
    if row.desired in lost:
        error = FailedError(
            f"{row.desired.title} is not tagged: its claim was given up meanwhile",
            "Find out who did that; run this again to claim it anew.",
        )
    missing = [name for name in seen.found if seen.lacks(name)]
    if error is None and missing:
        error = FailedError(
            f"{row.desired.title} is not tagged: the {missing[0]} does not hold what was put there",
            "Look at the destination's own log, then run this again.",
        )
    if error is None:
        return replace(row, found={**row.found, **seen.found})
    return row.stopped(error)


def end_claims(route: Route, rows: Rows) -> Rows:
    """End the claims of what is tagged, and of what was refused before anything of it was out."""
    if route.claims is None:
        return rows
    tagged = [row for row in rows if row.error is None and not row.lacks("tag")]
    fresh = [row.desired for row in tagged if row.outcomes["tag"] is Outcome.PUBLISHED]
    stale = route.claims.left_over([row.desired for row in tagged])
    with suppress(FailedError):  # beside its tag a claim blocks nothing, and the next run ends it
        route.claims.end([*fresh, *(each for each in stale if each not in fresh)])
    in_vain = [row.desired for row in rows if _is_claimed_in_vain(row, route)]
    with suppress(FailedError):  # the refusal is what must be told; list-charts shows the claim
        if not route.claims.end(in_vain):
            return [_unclaimed(row) if row.desired in in_vain else row for row in rows]
    return rows


def _unclaimed(row: Row[ChartRelease]) -> Row[ChartRelease]:
    return replace(row, outcomes={**row.outcomes, "claim": Outcome.REFUSED})


def _is_claimed_in_vain(row: Row[ChartRelease], route: Route) -> bool:
    """Whether we claimed what a destination then refused, with nothing of ours out."""
    ours = (Outcome.PUBLISHED, Outcome.UNCHANGED)
    return (
        isinstance(row.error, RefusedError)
        and row.outcomes.get("claim") is Outcome.PUBLISHED
        and not any(row.outcomes[each.name] in ours for each in route.archives)
    )
