"""What this machine says of the repository: its settings, its charts, Git and who tags."""

import re
from collections.abc import Sequence

from kargo_release.charts.desired import counted
from kargo_release.charts.development import version_of
from kargo_release.charts.doctor.check import Check, attempt, ok
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import InvalidError, RefusedError
from kargo_release.settings import FILE_NAME, Settings

NAMES = ("git", "git identity", "charts")
_GIT, _IDENTITY, _CHARTS = NAMES

# The first whose `rev-parse` knows --end-of-options (its release notes), the newest that is used.
_OLDEST_GIT = (2, 30)


def look_at_settings(project: Project) -> Sequence[Check]:
    """Return where the settings come from, and those in force that a release depends on."""
    there = (project.repository.root / FILE_NAME).exists()
    source = FILE_NAME if there else f"no {FILE_NAME}, so the defaults"
    return [ok("settings", f"{source}: {_in_force(project.settings)}")]


def _in_force(settings: Settings) -> str:
    values = {
        "registry": settings.registry or "local",
        "backup": _backup(settings),
        "image_registry": settings.image_registry or "none",
        "dev_version": settings.dev_version,
        "jobs": settings.jobs,
    }
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _backup(settings: Settings) -> str:
    if settings.backup is None:
        return "local" if settings.is_local else "none"
    # In rclone's connection strings a comma begins options, keys among them.
    is_rclone = settings.backup.startswith("rclone:")
    return settings.backup.partition(",")[0] if is_rclone else settings.backup


def look_at_clone(project: Project) -> Sequence[Check]:
    """Return how Git and the charts of HEAD stand."""
    return [
        attempt(_GIT, lambda: _version(project)),
        attempt(_IDENTITY, lambda: _identity(project)),
        attempt(_CHARTS, lambda: _charts(project)),
    ]


def _version(project: Project) -> Check:
    said = project.repository.run(["version"]).decode().removeprefix("git version").strip()
    numbers = re.match(r"(\d+)\.(\d+)", said)
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
        wanted = ".".join(map(str, _OLDEST_GIT))
        raise RefusedError(
            f"Git is {said}, too old for a release", f"Install Git {wanted} or newer."
        )
    return ok(_GIT, f"Git {said}")


def _identity(project: Project) -> Check:
    who = project.repository.tagger().rsplit(" ", 2)[0]
    return ok(_IDENTITY, f"tags are made by {who}")


def _charts(project: Project) -> Check:
    folder = project.settings.charts
    repository = project.repository
    commit = repository.commit()
    sources = Sources(repository.tree(commit), folder)
    if not sources.names:
        raise InvalidError(f"HEAD has no chart in {folder}/", "Commit one, or set `charts`.")
    version = version_of(project, commit)
    for name in sources.names:
        version(sources.named(name))
    return ok(_CHARTS, f"{counted(len(sources.names))} in {folder}/ at HEAD")
