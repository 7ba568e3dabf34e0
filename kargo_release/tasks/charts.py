"""The commands on charts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from kargo_release.charts.project import Project
    from kargo_release.tasks.chart_progress import ReleaseProgress


@command(
    "NAME...",
    ref="Release the charts as this commit holds them; HEAD when not given.",
    abandon="Drop the claim of a release that was begun, while nothing of it is out.",
)
def release_chart(
    names: tuple[str, ...], ref: str = "", abandon: bool = False, dry_run: bool = False
) -> Reply:
    """Release charts: package, push to the registry, back up, and tag last.

    What is out already with the same content is left alone, so that running it again after a
    failure does what is missing. What is out with other content is refused.

    Example: kargo-release release-chart kano
    """
    from kargo_release.charts.release import release_charts

    project = _project()
    if abandon:
        return _abandon(project, names, ref, dry_run=dry_run)
    with _progress() as progress:
        rows = release_charts(project, names, ref or None, progress, dry_run=dry_run)
    return _released(project, rows, {})


@command("[NAME...]")
def release_dev_chart(names: tuple[str, ...], dry_run: bool = False) -> Reply:
    """Release the development version of charts from the working tree; of all when none is named.

    A development version is replaced when its content changed, and left alone when not.

    Example: kargo-release release-dev-chart kano
    """
    from kargo_release.charts.development import release_dev_charts

    project = _project()
    with _progress() as progress:
        released = release_dev_charts(project, names, progress, dry_run=dry_run)
    return _released(project, released.rows, released.errors)


@command(
    "NAME...",
    ref="Package this commit; HEAD when not given.",
    destination="The folder to write to; the current one when not given.",
)
def package_chart(
    names: tuple[str, ...], ref: str = "", destination: str = ".", dry_run: bool = False
) -> Reply:
    """Package charts into a folder, the very archives that a release would publish.

    Example: kargo-release package-chart kano --destination dist
    """
    from kargo_release.charts.package import package_charts

    folder = Path(destination)
    packages = package_charts(_project(), names, ref or None, folder, dry_run=dry_run)
    note = " (dry run: not written)" if dry_run else ""
    text = "\n".join(f"{package['path']}{note}" for package in packages)
    return Reply(text, {"charts": packages})


@command(
    "[NAME...]",
    current="Show only the versions that HEAD holds, which asks for less.",
)
def list_charts(names: tuple[str, ...], current: bool = False) -> Reply:
    """List charts: every version that is out somewhere, what of it is missing, what differs.

    Without names, of versions that HEAD does not hold only those are rows that are not complete.

    Example: kargo-release list-charts kano
    """
    from kargo_release.charts.inventory.taking import take_inventory
    from kargo_release.tasks import inventory_documents
    from kargo_release.tasks.chart_progress import tell_errors

    with _progress() as progress:
        charts = take_inventory(_project(), names, progress.waits, current_only=current)
    tell_errors(inventory_documents.errors(charts))
    return Reply(
        inventory_documents.inventory_table(charts, every_version=bool(names)),
        inventory_documents.inventory_document(charts),
        inventory_documents.inventory_exit_code(charts),
    )


def _abandon(project: "Project", names: tuple[str, ...], ref: str, *, dry_run: bool) -> Reply:
    from kargo_release.charts.abandon import abandon_charts
    from kargo_release.git.repository import short

    gone = abandon_charts(project, names, ref or None, dry_run=dry_run)
    verb = "would be abandoned" if dry_run else "abandoned"
    lines = [f"{each.name} {each.version} {verb} (commit {short(each.commit)})" for each in gone]
    charts = [{"name": e.name, "version": e.version, "commit": e.commit} for e in gone]
    return Reply("\n".join(lines) or "nothing was begun", {"charts": charts})


def _released(project: "Project", rows: Any, errors: Any) -> Reply:
    from kargo_release.tasks import chart_documents
    from kargo_release.tasks.chart_progress import tell_errors
    from kargo_release.tasks.handing_on import handed_on

    tell_errors({row.desired.title: row.error for row in rows if row.error} | errors)
    reply = Reply(
        chart_documents.release_table(rows, errors),
        chart_documents.release_document(rows, errors),
        chart_documents.exit_code(rows, errors),
    )
    return handed_on(reply, project.environ, chart_documents.release_outputs(rows))


def _project() -> "Project":
    from kargo_release.charts.project import Project

    return Project.open(Path.cwd())


def _progress() -> "ReleaseProgress":
    from kargo_release.console import Console
    from kargo_release.tasks.chart_progress import ReleaseProgress

    return ReleaseProgress(Console())
