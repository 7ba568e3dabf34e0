"""Asks Git, the backup and the registry which versions of charts there are."""

from collections.abc import Collection, Sequence

from kargo_release import plan
from kargo_release.charts.inventory.known import KnownVersions, Ref, development_versions
from kargo_release.charts.project import Project
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import KargoError
from kargo_release.git import objects
from kargo_release.git.remote import RemoteRefs


def from_git(project: Project, refs: RemoteRefs, charts: Collection[str]) -> KnownVersions:
    """Return the versions that are tagged or claimed.

    Args:
        project: Says how tags look, and holds them where there is no remote.
        refs: What the remote holds.
        charts: Those of HEAD; of others it takes more than a tag's name to be one.
    """
    versions = KnownVersions()
    versions.add_tags(_tags(project, refs), project.settings.git.tag, charts)
    claims = [Ref(name, commit, commit) for name, commit in refs.claims.items()]
    versions.add_claims(claims, charts)
    return versions


def _tags(project: Project, refs: RemoteRefs) -> list[Ref]:
    if project.remote is None:
        local = project.repository.local_tags().items()
        return [Ref(name, f"refs/tags/{name}", commit) for name, commit in local]
    return [Ref(name, refs.tags.get(name, it), it) for name, it in refs.tagged.items()]


def add_index(project: Project, versions: KnownVersions, names: Sequence[str]) -> None:
    """Take in what the backup's index.yaml lists of charts, of all without names: one request.

    Raises:
        FailedError: The backup can't be asked.
        InvalidError: The index can't be read.
    """
    backup = project.backup()
    if backup is not None:
        versions.add_index(backup.listed(), names)


def add_registry(
    project: Project, versions: KnownVersions, names: Sequence[str]
) -> dict[str, KargoError]:
    """Take in the tags that the registry has of charts: one request for each.

    Returns:
        Why some could not be asked for.

    Raises:
        FailedError: The registry can't be asked about the first of them.
        RefusedError: It does not let us.
    """
    store = project.store()
    asked = plan.each(store.tags, names[:1], 1)
    for answer in asked:
        if isinstance(answer, KargoError):
            raise answer
    asked += plan.each(store.tags, names[1:], project.settings.jobs)
    errors: dict[str, KargoError] = {}
    for name, answer in zip(names, asked, strict=True):
        if isinstance(answer, KargoError):
            errors[name] = answer
        else:
            versions.add_registry(name, answer)
    return errors


def drop_others(project: Project, versions: KnownVersions, charts: Collection[str]) -> None:
    """Drop tags that look like a chart's and whose commit holds no such chart.

    Any tag such as ``app-1.0.0`` has the form of a release's.
    """
    folder = project.settings.charts
    doubtful = {
        f"{known.origin.commit}:{folder}/{name}/{CHART_FILE}": known
        for name in versions.names.difference(charts)
        for known in versions.of(name)
        if known.origin is not None and known.entry is None
    }
    found = objects.read(project.repository, doubtful)
    versions.drop(known for path, known in doubtful.items() if path not in found)


def drop_development(project: Project, versions: KnownVersions) -> None:
    """Drop what only development can have made: of its form, neither tagged nor claimed."""
    pattern = development_versions(project.settings.dev_version)
    versions.drop(
        known
        for name in versions.names
        for known in versions.of(name)
        if known.origin is None and pattern.fullmatch(known.version)
    )
