"""The summary that a job of GitHub Actions shows: what changed, what was done, and where it is."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from kargo_release.charts.changes.due import Due
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.release_changed import ChangedRelease
from kargo_release.errors import KargoError
from kargo_release.git.repository import short
from kargo_release.markdown import escaped, link, table
from kargo_release.plan import Outcome, Row
from kargo_release.tasks import changed_progress
from kargo_release.tasks.changed_table import unnoticed

_PLACES = ("registry", "backup", "tag")


def summary(done: ChangedRelease, environ: Mapping[str, str], *, dry_run: bool) -> str:
    """Return what became of charts that changed, in Markdown.

    Args:
        done: What was decided and done.
        environ: Where the job runs: ``GITHUB_SERVER_URL`` and ``GITHUB_REPOSITORY`` make links.
        dry_run: Whether nothing was done.
    """
    title = "Charts that would be released" if dry_run else "Charts"
    parts = [f"## {title} at {short(done.commit)}", _plan(done.due)]
    rows = [*done.rows, *done.dev_rows]
    if rows or done.errors:
        parts.append(_outcome(done, environ))
    if lacking := " ".join(each.name for each in done.due if each.needs_bump):
        parts.append(f"A bump is due: `kargo-release bump-chart {lacking}`")
    return "\n\n".join(parts) + "\n"


def stopped(due: Sequence[Due], error: KargoError) -> str:
    """Return what was decided and why it was not done, in Markdown."""
    plan = [_plan(due)] if due else []
    said = "\\\n".join(map(escaped, str(error).split("\n")))
    return "\n\n".join(["## Charts", *plan, f"Not released: {said}"]) + "\n"


def _plan(due: Sequence[Due]) -> str:
    if not due:
        return "No chart changed since its last release."
    lines = [[escaped(cell) for cell in line] for line in changed_progress.lines(due)]
    told = [table(changed_progress.HEADER, lines)] if lines else []
    more = [escaped(line) for line in unnoticed([each.change for each in due])]
    return "\n\n".join([*told, *more])


def _outcome(done: ChangedRelease, environ: Mapping[str, str]) -> str:
    lines = [_line(row, environ) for row in (*done.rows, *done.dev_rows)]
    lines += [[name, "", "", "", "", escaped(e.message)] for name, e in done.errors.items()]
    return table(("released", "version", *_PLACES, "error"), lines)


def _line(row: Row[ChartRelease], environ: Mapping[str, str]) -> list[str]:
    cells = [_cell(row, place, environ) for place in _PLACES]
    error = escaped(row.error.message) if row.error else ""
    return [escaped(row.desired.name), escaped(row.desired.version), *cells, error]


def _cell(row: Row[ChartRelease], place: str, environ: Mapping[str, str]) -> str:
    """Return what became of a chart at a destination, and where that is."""
    outcome = row.outcomes.get(place)
    if outcome is None:
        return ""
    found = row.found.get(place)
    reference = found.reference if found and outcome is not Outcome.FAILED else ""
    url = _tag_url(reference, environ) if place == "tag" else ""
    where = link(reference, url) if url else escaped(reference)
    return f"{outcome} {where}".strip()


def _tag_url(tag: str, environ: Mapping[str, str]) -> str:
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if not (server and repository and tag):
        return ""
    return f"{server}/{quote(repository)}/tree/{quote(tag)}"
