"""Releases development versions: from the working tree, replaced when their content changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kargo_release import plan, versions
from kargo_release.charts import guards
from kargo_release.charts.catalogue import Packed, check_regular, pack_charts
from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.charts.linting import check_with_helm
from kargo_release.charts.project import Project
from kargo_release.charts.release import Audience, carry_out, with_bytes_out
from kargo_release.charts.route import Route, Rows, archive_destinations
from kargo_release.charts.sources import ChartSource
from kargo_release.errors import InvalidError, KargoError, RefusedError, UsageError
from kargo_release.git.repository import Commit


@dataclass(frozen=True)
class DevRelease:
    """What became of the charts: those that could be packed, and why the others could not."""

    rows: Rows
    errors: dict[str, KargoError]


def release_dev_charts(
    project: Project, names: Sequence[str], audience: Audience, *, dry_run: bool
) -> DevRelease:
    """Release the development version of charts; a bad chart fails alone.

    Args:
        project: Where the charts are.
        names: The charts; all when empty.
        audience: Told of the plan and of each step.
        dry_run: Return the plan as it stands, and change nothing.

    Raises:
        InvalidError: There is no chart at all.
        UsageError: The setting ``dev_version`` makes no version, or one that a release could bear.
        RefusedError: The setting counts commits, and this clone is shallow.
        FailedError: A destination can't be asked.
        InterruptError: Ctrl-C; the message says what is out.
    """
    guards.check_registry_was_chosen(project.settings, project.environ)
    commit = project.repository.commit()
    packed = _pack(project, commit, names)
    route = Route(None, archive_destinations(project), None)
    releases = [ChartRelease(each, commit, is_dev=True) for each in packed.archives.values()]
    audience.waits(f"comparing {counted(len(releases))} with what is out")
    rows = plan.compare(route.all, releases)
    audience.planned(rows)
    rows = check_with_helm(rows, project, audience.waits)
    if not dry_run and any(row.error is None and not row.is_complete for row in rows):
        rows = [with_bytes_out(row, route) for row in rows]
        rows = carry_out(project, route, rows, audience)
    return DevRelease(rows, dict(packed.errors))


def _pack(project: Project, commit: Commit, names: Sequence[str]) -> Packed:
    folder = project.settings.charts
    with project.repository.working_tree() as tree:
        packed = pack_charts(project, tree, names or None, version_of(project, commit))
    if not packed.archives and not packed.errors:
        raise InvalidError(f"there is no chart in {folder}/", "Charts are folders below it.")
    return _without_irregular(project, packed)


def _without_irregular(project: Project, packed: Packed) -> Packed:
    errors = dict(packed.errors)
    for name, chart in packed.charts.items():
        try:
            check_regular(project.repository.root, [chart])
        except InvalidError as error:
            errors.setdefault(name, error)
    archives = {name: each for name, each in packed.archives.items() if name not in errors}
    return Packed(archives, packed.charts, errors)


def version_of(project: Project, commit: Commit) -> Callable[[ChartSource], str]:
    """Return what gives each chart its development version, by the setting's template.

    It raises a UsageError where the setting makes no version, or one that a release could bear.

    Raises:
        RefusedError: The setting counts commits, and this clone is shallow.
    """
    template = project.settings.dev_version
    count = _count(project, commit) if "{count}" in template else ""

    def version(source: ChartSource) -> str:
        own = source.metadata.version.partition("+")[0]
        text = template.replace("{version}", own)
        text = text.replace("{count}", count).replace("{sha}", commit.sha[:_SHORT])
        if fault := _fault(text, own):
            raise UsageError(
                f"settings: dev_version {template!r} makes {text!r}, which is {fault}",
                "Use {version}, {count} and {sha}: {version}-dev.{count}.g{sha}.",
            )
        return text

    return version


_SHORT = 7


def _count(project: Project, commit: Commit) -> str:
    if project.repository.is_shallow:
        raise RefusedError(
            "this shallow clone can't tell how many commits there are, which dev_version counts",
            "Fetch the history: `git fetch --unshallow`, in GitHub Actions `fetch-depth: 0`.",
        )
    return str(project.repository.count(commit))


def _fault(text: str, own: str) -> str:
    """Return why a chart of version ``own`` may not be developed as ``text``; empty if it may.

    Development versions are replaced, so none may be one that a release could bear.
    """
    try:
        is_prerelease = bool(versions.parse_strict(text).prerelease)
    except InvalidError:
        return "no SemVer"
    if not is_prerelease:
        return "no pre-release, as development versions must be"
    return "the chart's own version" if text.partition("+")[0] == own else ""
