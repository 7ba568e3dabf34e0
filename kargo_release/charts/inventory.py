"""What is out of each chart: the plan of all of them, with the last release and what was begun."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kargo_release import plan, versions
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.charts.project import Project
from kargo_release.charts.release import route_to
from kargo_release.errors import InvalidError, KargoError
from kargo_release.git.remote import RemoteRefs
from kargo_release.plan import Outcome, Row, State


@dataclass(frozen=True)
class Version:
    """A version of a chart, the tag or claim that stands for it, and its commit."""

    version: str
    ref: str
    commit: str


@dataclass(frozen=True)
class Chart:
    """One chart: its row of the plan, or why it has none, and its history."""

    name: str
    row: Row[ChartRelease] | None
    error: KargoError | None
    last_release: Version | None
    begun: Version | None


def take_inventory(project: Project, waits: Callable[[str], None]) -> list[Chart]:
    """Return every chart of HEAD, compared with what is out.

    Args:
        project: Where the charts are.
        waits: Told what may take a while.

    Raises:
        FailedError: A destination can't be asked.
        InvalidError: There is no commit yet, or the backup's index can't be read.
    """
    remote = project.remote
    if remote is not None:
        waits(f"reading the Git remote {remote.name}")
    refs = RemoteRefs() if remote is None else remote.refs()
    commit = project.repository.commit()
    packed = pack_charts(project, project.repository.tree(commit), None)
    releases = [ChartRelease(each, commit, is_dev=False) for each in packed.archives.values()]
    waits(f"comparing {counted(len(releases))} with what is out")
    rows = plan.compare(route_to(project, remote, refs).all, releases)
    known = {row.desired.name: _told(row) for row in rows}
    tags = project.repository.local_tags() if remote is None else refs.tagged
    charts = []
    for name in sorted(known.keys() | packed.errors.keys()):
        row = known.get(name)
        error = packed.errors.get(name) or (row.error if row else None)
        last = _newest(name, tags, project.settings.git.tag)
        begun = _begun(name, refs.claims, tags, project.settings.git.tag)
        charts.append(Chart(name, row, error, last, begun))
    return charts


def _told(row: Row[ChartRelease]) -> Row[ChartRelease]:
    """Return the row with what differs marked as what a release would be refused for."""
    refused = {
        name: Outcome.REFUSED for name, found in row.found.items() if found.state is State.DIFFERENT
    }
    return Row(row.desired, row.found, {**row.outcomes, **refused}, row.error)


def _newest(name: str, tags: Mapping[str, str], template: str) -> Version | None:
    return next(iter(_versions(name, tags, template)), None)


def _begun(
    name: str, claims: Mapping[str, str], tags: Mapping[str, str], template: str
) -> Version | None:
    """Return the newest version that is claimed and not yet tagged."""
    done = {each.version for each in _versions(name, tags, template)}
    claimed = _versions(name, claims, "{name}-{version}")
    return next((each for each in claimed if each.version not in done), None)


def _versions(name: str, refs: Mapping[str, str], template: str) -> list[Version]:
    """Return the versions that refs of this form stand for, newest first."""
    form = re.escape(template).replace(re.escape("{name}"), re.escape(name))
    pattern = re.compile(form.replace(re.escape("{version}"), "(?P<version>.+)"))
    matches = ((pattern.fullmatch(ref), ref, commit) for ref, commit in refs.items())
    found = [Version(m["version"], ref, commit) for m, ref, commit in matches if m]
    strict = [each for each in found if _is_strict(each.version)]
    return versions.newest_first(strict, lambda each: each.version)


def _is_strict(version: str) -> bool:
    try:
        versions.parse_strict(version)
    except InvalidError:
        return False
    return True
