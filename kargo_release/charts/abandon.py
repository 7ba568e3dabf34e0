"""Gives up releases that were begun, while nothing of them is out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kargo_release import plan
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.destinations.claims import claim_name, claim_ref
from kargo_release.charts.project import Project
from kargo_release.charts.route import archive_destinations, route_to
from kargo_release.errors import FailedError, RefusedError
from kargo_release.git.remote import Push, Remote
from kargo_release.git.repository import Commit
from kargo_release.plan import Found, Row, State


@dataclass(frozen=True)
class Abandoned:
    """A claim that is gone, or would be."""

    name: str
    version: str
    commit: str


def abandon_charts(
    project: Project, names: Sequence[str], ref: str | None, *, dry_run: bool
) -> list[Abandoned]:
    """Remove the claims of the charts' versions at a commit; return those that there were.

    Args:
        project: Where the charts are.
        names: The charts.
        ref: The commit whose Chart.yaml says the version; None for HEAD.
        dry_run: Remove nothing.

    Raises:
        InvalidError: A chart is unknown or breaks a rule.
        RefusedError: Something of a release is out: it must be finished.
        FailedError: The remote keeps a claim.
    """
    remote = project.remote
    if remote is None:
        raise RefusedError(
            "releases that stay on this machine make no claims", "There is nothing to abandon."
        )
    refs = remote.refs()
    commit = project.repository.commit(ref or "HEAD")
    wanted = _pack(project, commit, names)
    begun = {
        name: refs.claims[claim_name(release)]
        for name, release in wanted.items()
        if claim_name(release) in refs.claims
    }
    releases = [_at_claim(project, remote, wanted[name], claim) for name, claim in begun.items()]
    route = route_to(project, remote, refs)
    tagged = [release for release in releases if route.tags and route.tags.is_out(release)]
    _refuse_what_is_out(plan.compare(archive_destinations(project), releases), tagged)
    if begun and not dry_run:
        ends = [Push(claim_ref(each), "", begun[each.name]) for each in releases]
        _refuse_what_stays(remote.push(ends))
    return [Abandoned(each.name, each.version, each.commit.sha) for each in releases]


def _pack(project: Project, commit: Commit, names: Sequence[str]) -> dict[str, ChartRelease]:
    packed = pack_charts(project, project.repository.tree(commit), names)
    packed.raise_first()
    return {
        name: ChartRelease(archive, commit, is_dev=False)
        for name, archive in packed.archives.items()
    }


def _at_claim(project: Project, remote: Remote, wanted: ChartRelease, claim: str) -> ChartRelease:
    """Return the release that was begun: the chart as the claim's commit holds it.

    A claim made by hand may name a commit with another version: then what is wanted stands for it.
    """
    if not project.repository.has(claim):
        remote.fetch([claim])
    begun = _pack(project, project.repository.commit(claim), [wanted.name])[wanted.name]
    return begun if begun.version == wanted.version else wanted


def _refuse_what_stays(kept: Mapping[str, str]) -> None:
    for ref, reason in kept.items():
        raise FailedError(
            f"the Git remote keeps {ref}: {reason}",
            "Allow its removal there (or somebody took the release over), then run this again.",
        )


def _refuse_what_is_out(rows: Sequence[Row[ChartRelease]], tagged: Sequence[ChartRelease]) -> None:
    for row in rows:
        if row.error is not None:
            raise row.error
        out = [each for each in row.found.values() if _is_of_it(each)]
        if out or row.desired in tagged:
            where = out[0].reference if out else "the tag"
            raise RefusedError(
                f"{row.desired.title} can't be abandoned, for it is out: {where}",
                f"Finish it: release-chart {row.desired.name}, with --ref if it is not HEAD.",
            )


def _is_of_it(found: Found) -> bool:
    """Whether the destination holds the begun content; other content is somebody else's."""
    return found.state in (State.SAME, State.PARTIAL)
