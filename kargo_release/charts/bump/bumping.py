"""Bumps charts: plans, edits each Chart.yaml in the working tree, and commits if asked to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kargo_release import yamlfile
from kargo_release.charts import metadata
from kargo_release.charts.bump.bumps import Bump, Wish
from kargo_release.charts.bump.planning import plan_bumps
from kargo_release.charts.desired import counted
from kargo_release.charts.project import Project
from kargo_release.charts.sources import CHART_FILE
from kargo_release.git.edits import check_clean, read_file, write_files


@dataclass(frozen=True)
class Bumped:
    """What was bumped, what could not be looked at, and the commit; empty where none was made."""

    bumps: Sequence[Bump]
    passed_over: Sequence[str]
    commit: str = ""


def bump_charts(
    project: Project,
    wish: Wish,
    waits: Callable[[str], None],
    *,
    commit: bool,
    dry_run: bool,
) -> Bumped:
    """Bump charts in the working tree.

    Args:
        project: Where the charts are.
        wish: Which charts, and to what.
        waits: Told what is being done.
        commit: Commit what was changed.
        dry_run: Change nothing.

    Raises:
        InvalidError: A chart is unknown, or its Chart.yaml can't be changed by one scalar.
        RefusedError: A version would go backwards or is released, or a chart is not committed.
        FailedError: A file can't be written, or Git can't commit.
    """
    plan = plan_bumps(project, wish, waits)
    changed = [each for each in plan.bumps if each.is_change]
    check_clean(project.repository, [each.folder for each in plan.bumps])
    files = {f"{each.folder}/{CHART_FILE}": _edited(project, each) for each in changed}
    if dry_run or not files:
        return Bumped(plan.bumps, plan.passed_over)
    message = message_of(changed) if commit else ""
    made = write_files(project.repository, files, message)
    return Bumped(plan.bumps, plan.passed_over, made)


def _edited(project: Project, bump: Bump) -> bytes:
    """Return a Chart.yaml with the values that change, and every other byte as it was."""
    place = f"{bump.folder}/{CHART_FILE}"
    data = read_file(project.repository, place)
    values: dict[yamlfile.Path, str] = {
        ("dependencies", each.position, "version"): each.new for each in bump.ranges
    }
    if bump.is_raised:
        values["version",] = bump.new
    if bump.app_version:
        values["appVersion",] = bump.app_version
    for path, value in values.items():
        data = yamlfile.replace_at(data, path, value, place)
    metadata.read(data, place)
    return data


def message_of(bumps: Sequence[Bump]) -> str:
    """Return the message of the commit that bumps charts."""
    raised = [each for each in bumps if each.is_raised]
    if len(bumps) == 1 and raised:
        return f"Bump {raised[0].name} to {raised[0].new}\n"
    lines = [f"{each.name}: {each.old} to {each.new}" for each in raised]
    lines += [
        f"{each.name}: {change.dependency} {change.old} to {change.new}"
        for each in bumps
        for change in each.ranges
    ]
    return "\n".join([f"Bump {counted(len(raised))}", "", *lines, ""])
