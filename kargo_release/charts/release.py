"""Releases charts: from a commit to the claim, the registry, the backup and the tag.

The pipeline, in order: pack what the commit holds, make sure that it may be released, ask every
destination what it has, refuse what differs, check with Helm, claim, copy, look again, tag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from kargo_release import plan
from kargo_release.charts import guards
from kargo_release.charts.catalogue import Packed, pack_charts
from kargo_release.charts.commit_point import end_claims, look_again
from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.charts.destinations.archives import ArchiveDestination, adopt
from kargo_release.charts.destinations.claims import held_back
from kargo_release.charts.destinations.tags import tag_of
from kargo_release.charts.differing import refuse_difference
from kargo_release.charts.linting import check_with_helm
from kargo_release.charts.project import Project
from kargo_release.charts.route import Route, Rows, route_to
from kargo_release.errors import InterruptError, KargoError
from kargo_release.git.remote import RemoteRefs
from kargo_release.git.repository import Commit
from kargo_release.plan import Row, State


class Audience(Protocol):
    """Who is told how a release goes."""

    def waits(self, what: str) -> None:
        """Be told what is being done that may take a while: ``reading the Git remote``."""
        ...

    def planned(self, rows: Rows) -> None:
        """Be told the plan, before anything is changed."""
        ...

    def done(self, row: Row[ChartRelease], destination: str) -> None:
        """Be told that a row is done, or failed, at a destination; from any thread."""
        ...


def release_charts(
    project: Project,
    names: Sequence[str],
    ref: str | None,
    audience: Audience,
    *,
    dry_run: bool,
) -> Rows:
    """Release charts as a commit holds them; return what became of each at each destination.

    Args:
        project: Where the charts are.
        names: The charts to release.
        ref: The commit; None for HEAD, which the working tree must then equal.
        audience: Told of the plan and of each step.
        dry_run: Return the plan as it stands, and change nothing.

    Raises:
        InvalidError: A chart is unknown or breaks a rule.
        RefusedError: The state of Git forbids it.
        FailedError: A destination can't be asked.
        InterruptError: Ctrl-C; the message says what is out.
    """
    guards.check_registry_was_chosen(project.settings, project.environ)
    commit = project.repository.commit(ref or "HEAD")
    packed = _pack(project, commit, names)
    if ref is None:
        guards.check_committed(project.repository, list(packed.charts.values()))
    releases = [ChartRelease(each, commit, is_dev=False) for each in packed.archives.values()]
    guards.check_dated(releases)
    route = _route(project, commit, releases, audience)
    audience.waits(f"comparing {counted(len(releases))} with what is out")
    rows = [_at_claimed_commit(row, project) for row in plan.compare(route.all, releases)]
    rows = [refuse_difference(row, route.archives) for row in rows]
    audience.planned(rows)
    if not _has_errors(rows):
        rows = check_with_helm(rows, project, audience.waits)
    if dry_run or _has_errors(rows):
        return rows
    rows = [with_bytes_out(row, route) for row in rows]
    return rows if _has_errors(rows) else carry_out(project, route, rows, audience)


def carry_out(project: Project, route: Route, rows: Rows, audience: Audience) -> Rows:
    """Publish what is missing: claim, copy, look again, tag, end the claims."""
    project.prepare()
    told: dict[str, list[str]] = {}

    def report(row: Row[ChartRelease], destination: str) -> None:
        if row.error is None:
            told.setdefault(row.desired.title, []).append(destination)
        audience.done(row, destination)

    try:
        _check_writable(route, rows)
        if route.claims is not None:
            rows = _none_or_all(plan.carry_out([route.claims], rows, report))
            rows = [_at_claimed_commit(row, project) for row in rows]
        for destination in route.archives:
            rows = plan.carry_out([destination], rows, report)
            # A helper may have been quicker, with other bytes of the same content.
            rows = [with_bytes_out(row, route) for row in rows]
        if route.tags is not None:
            rows = plan.carry_out([route.tags], look_again(route, rows, audience.waits), report)
        rows = end_claims(route, rows)
    except KeyboardInterrupt:
        raise _interrupted(told) from None
    return rows


def _pack(project: Project, commit: Commit, names: Sequence[str]) -> Packed:
    packed = pack_charts(project, project.repository.tree(commit), names)
    packed.raise_first()
    return packed


def _route(
    project: Project, commit: Commit, releases: Sequence[ChartRelease], audience: Audience
) -> Route:
    remote = project.remote
    if remote is None:
        return route_to(project, None, RemoteRefs())
    remote.check_pushable()
    audience.waits(f"reading the Git remote {remote.name}")
    refs = remote.refs()
    if not _are_tagged(releases, refs, project.settings.git.tag):
        guards.check_upstream(project.repository, remote, refs, commit, project.settings)
    return route_to(project, remote, refs)


def _are_tagged(releases: Sequence[ChartRelease], refs: RemoteRefs, form: str) -> bool:
    """Whether the remote has these very releases, on whatever branch they were made."""
    tags = (refs.tagged.get(tag_of(form, each.name, each.version)) for each in releases)
    return all(tag == each.commit.sha for each, tag in zip(releases, tags, strict=True))


def _at_claimed_commit(row: Row[ChartRelease], project: Project) -> Row[ChartRelease]:
    """Return the row at the commit that a claim of the same content names: help to finish that."""
    claim = row.found.get("claim")
    if claim is None or claim.state is not State.SAME or not claim.digest:
        return row
    return replace(
        row, desired=replace(row.desired, commit=project.repository.commit(claim.digest))
    )


def _has_errors(rows: Rows) -> bool:
    return any(row.error is not None for row in rows)


def with_bytes_out(row: Row[ChartRelease], route: Route) -> Row[ChartRelease]:
    """Return the row with the archive that is out somewhere, if its bytes differ from ours."""
    if row.error is not None or row.is_complete:
        return row
    for destination in route.archives:
        found = row.found[destination.name]
        if not found.sha256 or found.state is State.DIFFERENT:  # nothing, or what gives way
            continue
        if found.sha256 == row.desired.archive.sha256:
            return row
        return _with_bytes_of(row, destination)
    return row


def _with_bytes_of(row: Row[ChartRelease], destination: ArchiveDestination) -> Row[ChartRelease]:
    try:
        return replace(row, desired=row.desired.with_archive(adopt(row, destination)))
    except KargoError as error:
        return row.stopped(error)


def _none_or_all(rows: Rows) -> Rows:
    """Return the rows, all of them stopped when one could not be claimed."""
    if not _has_errors(rows):
        return rows
    return [
        row if row.error is not None or row.is_complete else row.stopped(held_back(row.desired))
        for row in rows
    ]


def _check_writable(route: Route, rows: Rows) -> None:
    for destination in route.archives:
        if any(row.error is None and row.lacks(destination.name) for row in rows):
            destination.check_writable()


def _interrupted(told: Mapping[str, Sequence[str]]) -> KargoError:
    out = "; ".join(f"{title}: {', '.join(where)}" for title, where in told.items())
    return InterruptError(
        f"interrupted; done in this run: {out or 'nothing'}",
        "Run the same command again: it does what is missing.",
    )
