"""What must hold before a release begins: nothing uncommitted, and the commit upstream."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

from kargo_release.charts.dependencies import ResolvedChart
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.packing import stands_for
from kargo_release.charts.sources import ChartSource
from kargo_release.errors import RefusedError, few
from kargo_release.git.remote import Remote, RemoteRefs
from kargo_release.git.repository import Commit, Repository, short
from kargo_release.settings import Settings

_SHOWN = 5  # files that a message names


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether a CI machine runs this, which does not last."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def check_registry_was_chosen(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse to release into a folder that ends with the machine, unless that is written down.

    Raises:
        RefusedError: Under CI, no registry is set.
    """
    if not is_ci(environ) or settings.registry is not None:
        return
    raise RefusedError(
        "no registry is set, and what CI keeps on its own disk is lost with it",
        "Set registry: oci://HOST/PATH in kargo-release.yaml, or `registry: local` if you mean it.",
    )


def check_dated(releases: Sequence[ChartRelease]) -> None:
    """Refuse a commit whose time can't be written, before anything is changed.

    Raises:
        InvalidError: It was made after the year 9999, by its own account.
    """
    for release in releases:
        _ = release.created  # raises


def check_committed(repository: Repository, charts: Sequence[ResolvedChart]) -> None:
    """Refuse charts whose folders hold something else than the commit that is released.

    Raises:
        RefusedError: A file is changed, new, or ignored by Git though Helm would pack it.
    """
    sources = {each.folder: each for chart in charts for each in chart.every_source()}
    folders = list(sources)
    changed = _packed(repository.uncommitted(folders), sources)
    if changed:
        raise RefusedError(
            f"not committed: {few(changed, _SHOWN)}",
            "Commit or remove that, or release the commit as it is with --ref HEAD.",
        )
    ignored = _packed(repository.ignored(folders), sources)
    if ignored:
        raise RefusedError(
            f"ignored by Git, though Helm would pack it: {few(ignored, _SHOWN)}",
            "Commit it, name it in the chart's .helmignore, or remove it.",
        )


def _packed(paths: Iterable[str], sources: Mapping[str, ChartSource]) -> list[str]:
    """Return the paths that Helm would pack, what it writes itself left out."""
    packed: list[str] = []
    for folder, source in sources.items():
        inside = [path[len(folder) + 1 :] for path in paths if path.startswith(f"{folder}/")]
        needed = {dependency.name for dependency in source.metadata.dependencies}
        packed += [
            f"{folder}/{path}"
            for path in source.rules.kept(inside)
            if path != "Chart.lock" and not stands_for(path, needed)
        ]
    return sorted(packed)


def check_upstream(
    repository: Repository, remote: Remote, refs: RemoteRefs, commit: Commit, settings: Settings
) -> None:
    """Refuse a commit that is not on the remote's release branches.

    Raises:
        RefusedError: It is not, or a shallow clone can't tell.
        FailedError: The remote can't be reached.
    """
    branches = release_branches(refs, settings.git.branch, remote.name)
    if commit.sha in branches.values():
        return
    missing = [f"refs/heads/{name}" for name, tip in branches.items() if not repository.has(tip)]
    if missing:
        remote.fetch(missing)
    if any(repository.is_ancestor(commit, tip) for tip in branches.values()):
        return
    raise not_upstream(repository, remote.name, commit, sorted(branches))


def release_branches(refs: RemoteRefs, wanted: Sequence[str], remote: str) -> dict[str, str]:
    """Return the branches that releases come from, with their newest commits.

    Args:
        refs: What the remote holds.
        wanted: Patterns of names; none for the default branch.
        remote: The remote's name, for messages.

    Raises:
        RefusedError: There is none.
    """
    if not wanted and refs.heads and not refs.default_branch:
        raise RefusedError(
            f"the Git remote {remote} does not say which branch is its default",
            f"Set git.branch: {min(refs.heads)}, or correct the remote's HEAD.",
        )
    patterns = wanted or ([refs.default_branch] if refs.default_branch else [])
    found = {
        name: tip
        for name, tip in refs.heads.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    if not found:
        raise RefusedError(
            f"the Git remote {remote} has no branch {' or '.join(patterns) or 'at all'}",
            "Push the branch, or set git.branch to the one that releases come from.",
        )
    return found


def not_upstream(
    repository: Repository, remote: str, commit: Commit, branches: Sequence[str]
) -> RefusedError:
    """Return why a commit that was not found on these branches can't be released."""
    where = f"{remote}/{f', {remote}/'.join(branches)}"
    if repository.is_shallow:
        return RefusedError(
            f"this shallow clone can't tell whether commit {short(commit.sha)} is on {where}",
            "Fetch the history: `git fetch --unshallow`, in GitHub Actions `fetch-depth: 0`.",
        )
    return RefusedError(
        f"commit {short(commit.sha)} is not on {where}",
        "Push it first, so that everybody has what is released.",
    )
