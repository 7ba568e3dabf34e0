"""Where releases go: the claim, the registry, the backup and the tag, in this order."""

from dataclasses import dataclass
from functools import cached_property

from kargo_release.charts.catalogue import History
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.destinations.archives import ArchiveDestination
from kargo_release.charts.destinations.claims import ClaimDestination
from kargo_release.charts.destinations.tags import TagDestination
from kargo_release.charts.project import Project
from kargo_release.git.remote import Remote, RemoteRefs
from kargo_release.plan import Destination, Row

Rows = list[Row[ChartRelease]]


@dataclass(frozen=True)
class Route:
    """The destinations of a release, in their order; claims and backup where there are any."""

    claims: ClaimDestination | None
    archives: tuple[ArchiveDestination, ...]
    tags: TagDestination | None

    @cached_property
    def all(self) -> tuple[Destination[ChartRelease], ...]:
        """Every destination, in the order of publishing."""
        ends = (self.claims, *self.archives, self.tags)
        return tuple(each for each in ends if each is not None)


def route_to(project: Project, remote: Remote | None, refs: RemoteRefs) -> Route:
    """Return the destinations of releases, given what the remote holds."""
    git, content_at = project.settings.git, History(project, remote).content_at
    tags = TagDestination(project.repository, remote, refs, git.tag, content_at)
    claims = None
    if remote is not None and git.claims:
        claims = ClaimDestination(remote, refs, tags.tag_name, content_at)
    return Route(claims, archive_destinations(project), tags)


def archive_destinations(project: Project) -> tuple[ArchiveDestination, ...]:
    """Return the registry and, where there is one, the backup."""
    backup = project.backup()
    return (project.registry(),) if backup is None else (project.registry(), backup)
