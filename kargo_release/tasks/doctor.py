"""The command that looks at a release's surroundings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command
from kargo_release.errors import FailedError, KargoError, redact

if TYPE_CHECKING:
    from kargo_release.charts.doctor.check import Check


@command()
def doctor() -> Reply:
    """Look at all that a release needs, and tell what to do where something is wrong.

    Settings, Git and its remote, the registry, the backup, Helm and Docker are asked. To learn
    whether claims are taken, one is made and removed; nothing stays.

    Example: kargo-release doctor
    """
    from kargo_release.charts.doctor.examination import examine
    from kargo_release.charts.project import Project
    from kargo_release.console import Console
    from kargo_release.tasks.chart_progress import ReleaseProgress

    project = Project.open(Path.cwd())
    with ReleaseProgress(Console()) as progress:
        progress.waits("asking the Git remote, the registry, the backup and Helm")
        checks = examine(project)
    error = _gravest(checks)
    document = {"checks": [_document(each) for each in checks], "error": error and error.document()}
    return Reply(_table(checks), document, error.exit_code if error else 0)


def _gravest(checks: Sequence["Check"]) -> KargoError | None:
    """Return the first error that running it again does not mend, else the first of all."""
    errors = [each.error for each in checks if each.error]
    lasting = [error for error in errors if not isinstance(error, FailedError)]
    return next(iter([*lasting, *errors]), None)


def _document(check: "Check") -> dict[str, Any]:
    return {
        "check": check.name,
        "state": str(check.state),
        "message": redact(check.message),
        "remedy": redact(check.remedy),
    }


def _table(checks: Sequence["Check"]) -> str:
    """Return a line for each check, and under it what to do."""
    from kargo_release.console import table

    rows = []
    for check in checks:
        rows.append([check.name, str(check.state), redact(check.message)])
        if check.remedy:
            rows.append(["", "", f"→ {redact(check.remedy)}"])
    return table(("check", "state", "found"), rows)
