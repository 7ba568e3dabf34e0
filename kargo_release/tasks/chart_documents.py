"""What became of charts, as the contract's documents and as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from kargo_release.charts.desired import ChartRelease
from kargo_release.console import table
from kargo_release.errors import FailedError, KargoError
from kargo_release.plan import Found, Outcome, Row, State

_PARTIAL = 1
_UNKNOWN = Found(State.ABSENT, "")  # a destination that could not be asked


def release_document(
    rows: Sequence[Row[ChartRelease]], errors: Mapping[str, KargoError]
) -> dict[str, Any]:
    """Return the document of a release: every chart, and the first error."""
    charts = [_chart_document(row) for row in rows]
    charts += [broken_document(name, error) for name, error in errors.items()]
    first = _first_error(rows, errors)
    return {
        "charts": sorted(charts, key=lambda chart: str(chart["name"])),
        "error": first and first.document(),
    }


def release_outputs(rows: Sequence[Row[ChartRelease]]) -> dict[str, Any]:
    """Return for later steps of GitHub Actions what is out now, or planned in a dry run."""
    released = [row.desired for row in rows if not row.error]
    charts = [{"name": each.name, "version": each.version} for each in released]
    return {"charts": charts, "has_charts": bool(charts)}


def exit_code(rows: Sequence[Row[ChartRelease]], errors: Mapping[str, KargoError]) -> int:
    """Return 0 when all went well, else why not.

    1 when a step failed, or a chart was refused after something had been changed; else the first
    error's own code, which for a chart that can't be read is the same whatever else was done.
    """
    first = _first_error(rows, errors)
    if first is None:
        return 0
    every = [*errors.values(), *(row.error for row in rows if row.error)]
    changed = (Outcome.PUBLISHED, Outcome.REPLACED)
    if any(isinstance(error, FailedError) for error in every):
        return _PARTIAL
    if any(row.error for row in rows) and any(
        outcome in changed for row in rows for outcome in row.outcomes.values()
    ):
        return _PARTIAL
    return first.exit_code


def _first_error(
    rows: Sequence[Row[ChartRelease]], errors: Mapping[str, KargoError]
) -> KargoError | None:
    every = [*(row.error for row in rows if row.error), *errors.values()]
    failed = [error for error in every if isinstance(error, FailedError)]
    return next(iter([*failed, *every]), None)


def _chart_document(row: Row[ChartRelease]) -> dict[str, Any]:
    release, archive = row.desired, row.desired.archive
    return {
        "name": release.name,
        "version": release.version,
        "app_version": release.metadata.app_version or None,
        "commit": release.commit.sha,
        "archive": {
            "sha256": archive.sha256,
            "content_digest": archive.content_digest,
            "bytes": len(archive.tgz),
        },
        "destinations": {
            name: _destination(row, name)
            for name in ("registry", "backup", "tag")
            if name in row.outcomes
        },
        "error": row.error and row.error.document(),
    }


def _destination(row: Row[ChartRelease], name: str) -> dict[str, Any]:
    found = row.found.get(name, _UNKNOWN)
    digest = {"digest": found.digest or None} if name == "registry" else {}
    return {"reference": found.reference or None, **digest, "state": str(row.outcomes[name])}


def broken_document(name: str, error: KargoError | None) -> dict[str, Any]:
    """Return a chart of which nothing but its name could be read."""
    return {
        "name": name,
        "version": None,
        "app_version": None,
        "commit": None,
        "archive": None,
        "destinations": {},
        "error": error and error.document(),
    }


def release_table(rows: Sequence[Row[ChartRelease]], errors: Mapping[str, KargoError]) -> str:
    """Return what became of each chart at each destination, and where it is now."""
    columns = list(dict.fromkeys(name for row in rows for name in row.outcomes if name != "claim"))
    ordered = sorted(rows, key=lambda row: row.desired.name)
    lines = [_release_line(row, columns) for row in ordered]
    blank = [""] * (len(columns) + 1)
    lines += [[name, *blank, error.message] for name, error in sorted(errors.items())]
    return table(("chart", "version", *columns, "where"), lines)


def _release_line(row: Row[ChartRelease], columns: Sequence[str]) -> list[str]:
    unasked = "-" if row.desired.is_dev else "unknown"
    outcomes = [str(row.outcomes.get(name, unasked)) for name in columns]
    where = row.error.message if row.error else row.found["registry"].reference
    return [row.desired.name, row.desired.version, *outcomes, where]
