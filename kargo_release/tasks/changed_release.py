"""The command that releases what changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kargo_release.charts.changes.due import Due
    from kargo_release.charts.desired import ChartRelease
    from kargo_release.charts.release_changed import ChangedRelease
    from kargo_release.plan import Row


@command(
    since="Only charts that changed since this commit; all since their last release if not given.",
    dev="Release development versions only, even of charts whose version is not released yet.",
    require_bump="Refuse charts that changed themselves since they were released as their version.",
    cascade="With --require-bump, refuse dependents too, where what Helm renders changed.",
)
def release_changed(
    since: str = "",
    dev: bool = False,
    require_bump: bool = False,
    cascade: bool = False,
    dry_run: bool = False,
) -> Reply:
    """Release the charts that changed since their last release, and nothing else.

    A version that is not tagged yet is released. Where the version is released already, the
    development version is, and it is told that a bump is due. In GitHub Actions a summary is
    written, and the outputs charts and has_charts.

    Example: kargo-release release-changed
    """
    from kargo_release.charts.project import Project
    from kargo_release.charts.release_changed import Asked
    from kargo_release.charts.release_changed import release_changed as release
    from kargo_release.console import Console
    from kargo_release.errors import KargoError, UsageError
    from kargo_release.tasks.changed_progress import ChangedProgress
    from kargo_release.tasks.changed_summary import stopped, summary
    from kargo_release.tasks.handing_on import tell_summary

    if cascade and not require_bump:
        remedy = "Write both: release-changed --require-bump --cascade."
        raise UsageError("--cascade says which charts --require-bump refuses", remedy)
    project = Project.open(Path.cwd())
    asked = Asked(since or None, dev, require_bump, cascade, dry_run)
    with ChangedProgress(Console()) as progress:
        try:
            done = release(project, asked, progress)
        except KargoError as error:
            tell_summary(stopped(progress.due, error), project.environ)
            raise
    markdown = summary(done, project.environ, dry_run=dry_run)
    return _reply(done, markdown, project.environ)


def _reply(done: "ChangedRelease", markdown: str, environ: "Mapping[str, str]") -> Reply:
    from kargo_release.tasks import chart_documents
    from kargo_release.tasks.chart_progress import tell_errors
    from kargo_release.tasks.handing_on import handed_on

    rows = [*done.rows, *done.dev_rows]
    document = chart_documents.release_document(rows, done.errors)
    document["changes"] = [_change(each) for each in done.due]
    document["commit"] = done.commit
    tell_errors({row.desired.title: row.error for row in rows if row.error} | {**done.errors})
    reply = Reply(_text(done), document, chart_documents.exit_code(rows, done.errors))
    fresh = [*done.rows, *filter(_is_new, done.dev_rows)]
    return handed_on(reply, environ, chart_documents.release_outputs(fresh), markdown)


def _is_new(row: "Row[ChartRelease]") -> bool:
    """Whether a development version is another than before."""
    from kargo_release.plan import Outcome

    return any(outcome is not Outcome.UNCHANGED for outcome in row.outcomes.values())


def _change(due: "Due") -> dict[str, Any]:
    return {
        "name": due.name,
        "version": due.change.version or None,
        "change": str(due.change.kind),
        "reasons": list(due.change.reasons),
        "render": due.change.render and str(due.change.render),
        "step": due.step.name.lower(),
        "needs_bump": due.needs_bump,
    }


def _text(done: "ChangedRelease") -> str:
    from kargo_release.tasks import chart_documents

    rows = [*done.rows, *done.dev_rows]
    if not rows and not done.errors:
        return "nothing to release"
    lines = [chart_documents.release_table(rows, done.errors)]
    lacking = [each for each in done.due if each.needs_bump]
    if lacking:
        names = " ".join(each.name for each in lacking)
        lines += ["", f"A bump is due: kargo-release bump-chart {names}"]
    return "\n".join(lines)
