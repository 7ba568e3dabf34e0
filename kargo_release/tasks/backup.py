"""The commands on the backup."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command

if TYPE_CHECKING:
    from kargo_release.charts.index_of_archives import Oddity
    from kargo_release.charts.rebuild_index import Rebuild


@command()
def rebuild_index(dry_run: bool = False) -> Reply:
    """Make the backup's index.yaml anew of the archives in the backup.

    For an index that can't be read any more, or that has lost what the backup holds. What is no
    chart is told and left out. Nothing is written when the index says all that already.

    Example: kargo-release rebuild-index --dry-run
    """
    from kargo_release.charts import rebuild_index as rebuilding
    from kargo_release.charts.project import Project
    from kargo_release.console import Console
    from kargo_release.tasks.chart_progress import ReleaseProgress

    console = Console()
    with ReleaseProgress(console) as progress:
        done = rebuilding.rebuild_index(Project.open(Path.cwd()), progress.waits, dry_run=dry_run)
    for oddity in done.made.oddities:
        console.say(f"{'listed' if oddity.is_listed else 'left out'}: {oddity.error}")
    if done.unreadable:
        console.say(done.unreadable)
    return Reply(_text(done, dry_run=dry_run), _document(done, dry_run=dry_run))


def _text(done: "Rebuild", *, dry_run: bool) -> str:
    from kargo_release.console import table

    lines = [(each.name, each.version, str(each.difference)) for each in done.made.changes]
    shown = [table(("chart", "version", "index"), lines)] if lines else []
    return "\n".join([*shown, _conclusion(done, dry_run=dry_run)])


def _conclusion(done: "Rebuild", *, dry_run: bool) -> str:
    away = sum(each.difference == "elsewhere" for each in done.made.changes)
    kept = f"; versions kept whose archives are not here: {away}" if away else ""
    if not done.is_changed:
        return f"nothing changed: {done.reference} says what the archives say{kept}"
    if dry_run:
        return f"dry run: {done.reference} was not written{kept}"
    copy = f"; what was there before is kept as {done.copy}" if done.copy else ""
    return f"{done.reference} was written{copy}{kept}"


def _document(done: "Rebuild", *, dry_run: bool) -> dict[str, Any]:
    changes = done.made.changes
    return {
        "index": {
            "reference": done.reference,
            "state": _state(done, dry_run=dry_run),
            "unreadable": done.unreadable or None,
            "copy": done.copy or None,
        },
        "charts": [
            {"name": each.name, "version": each.version, "difference": str(each.difference)}
            for each in changes
        ],
        "archives": [_archive(each) for each in done.made.oddities],
    }


def _state(done: "Rebuild", *, dry_run: bool) -> str:
    if not done.is_changed:
        return "unchanged"
    return "planned" if dry_run else "replaced"


def _archive(oddity: "Oddity") -> dict[str, Any]:
    return {"reference": oddity.place, "listed": oddity.is_listed, "error": oddity.error.document()}
