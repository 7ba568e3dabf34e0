"""The commands that raise versions."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command
from kargo_release.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kargo_release.bump import Part
    from kargo_release.charts.bump.bumping import Bumped
    from kargo_release.charts.bump.bumps import Bump
    from kargo_release.images.bump import ImageBump

_PART = "Raise this part: major, minor, patch or prerelease; the one that is proposed if not given."
_TO = "The version itself."


@command(
    "[NAME...]",
    part=_PART,
    to=_TO,
    app_version="Write this appVersion, too.",
    changed="Bump all charts that changed themselves since they were released.",
    cascade="Bump charts, too, that pack a bumped one and render otherwise.",
    commit="Commit what was changed, and nothing else.",
)
def bump_chart(  # noqa: PLR0913, PLR0917 - the parameters are the command's options
    names: tuple[str, ...],
    part: str = "",
    to: str = "",
    app_version: str = "",
    changed: bool = False,
    cascade: bool = False,
    commit: bool = False,
    dry_run: bool = False,
) -> Reply:
    """Raise the version of charts in Chart.yaml, and change no other byte of it.

    Which part is raised is proposed, and explained, by what changed since the last release: values,
    schema, what Helm renders, and the commits' messages (Conventional Commits). Ranges of charts
    that pack a bumped one are changed where they do not take its new version.

    Example: kargo-release bump-chart kano
    """
    from kargo_release.charts.bump.bumping import bump_charts
    from kargo_release.charts.bump.bumps import Wish
    from kargo_release.charts.project import Project
    from kargo_release.console import Console

    _check(names, to, changed=changed)
    wish = Wish(names, _chosen(part, to), to, app_version, changed, cascade)
    with Console().waiting() as waits:
        project = Project.open(Path.cwd())
        done = bump_charts(project, wish, waits, commit=commit, dry_run=dry_run)
    return Reply(_text(done), _document(done, dry_run=dry_run))


def _check(names: "Sequence[str]", to: str, *, changed: bool) -> None:
    if bool(names) == changed:
        raise UsageError(
            "bump-chart needs either names or --changed",
            "Usage: bump-chart NAME... [--options], or bump-chart --changed [--options]",
        )
    if to and len(names) != 1:
        raise UsageError("--to is the version of one chart", "Bump one after the other.")


def _chosen(part: str, to: str) -> "Part | None":
    """Return the part that is asked for, if one is."""
    from kargo_release.bump import part_named

    if part and to:
        raise UsageError("--part and --to exclude each other", "Give one of them.")
    return part_named(part) if part else None


def _document(done: "Bumped", *, dry_run: bool) -> dict[str, Any]:
    return {
        "charts": [_chart(each, dry_run=dry_run) for each in done.bumps],
        "passed_over": list(done.passed_over),
        "commit": done.commit or None,
    }


def _chart(bump: "Bump", *, dry_run: bool) -> dict[str, Any]:
    return {
        "name": bump.name,
        "version": bump.new,
        "old_version": bump.old,
        "app_version": bump.app_version or None,
        "reasons": list(bump.reasons),
        "ranges": [{"name": e.dependency, "old": e.old, "new": e.new} for e in bump.ranges],
        "stale_lock": bump.has_stale_lock,
        "state": _state(is_change=bump.is_change, dry_run=dry_run),
    }


def _state(*, is_change: bool, dry_run: bool) -> str:
    if not is_change:
        return "unchanged"
    return "planned" if dry_run else "bumped"


def _text(done: "Bumped") -> str:
    lines = [line for each in done.bumps for line in _lines(each)]
    lines += [f"passed over, for it can't be packed: {name}" for name in done.passed_over]
    lines += _committed(done.commit)
    return _shown(lines) or "no chart changed itself since it was released"


def _shown(lines: "Sequence[str]") -> str:
    """Return the lines, in which commits and charts may have written anything, as text alone."""
    from kargo_release.console import Console

    return "\n".join(map(Console(sys.stdout).line, lines))


def _committed(commit: str) -> "list[str]":
    from kargo_release.git.repository import short

    return [f"committed as {short(commit)}"] if commit else []


def _headline(name: str, bump: "Bump | ImageBump") -> "list[str]":
    """Return what a version becomes, and why."""
    version = f"{bump.old} → {bump.new}" if bump.is_raised else bump.old
    return [f"{name}  {version}", *(f"  {reason}" for reason in bump.reasons)]


def _lines(bump: "Bump") -> "list[str]":
    lines = _headline(bump.name, bump)
    if bump.app_version:
        lines.append(f"  appVersion becomes {bump.app_version}")
    lines += [f"  takes {e.dependency} {e.new}, no longer {e.old}" for e in bump.ranges]
    if bump.has_stale_lock:
        update = f"`helm dependency update {bump.folder}`"
        lines.append(f"  Chart.lock names the old version still: {update} writes it anew")
    return lines


@command("APP", part=_PART, to=_TO, commit="Commit what was changed, and nothing else.")
def bump_image(
    names: tuple[str, ...],
    part: str = "",
    to: str = "",
    commit: bool = False,
    dry_run: bool = False,
) -> Reply:
    """Raise the version in an image's image.yaml, and change no other byte of it.

    Which part is raised is proposed by the messages of commits that touched the image's folder
    since its version last changed (Conventional Commits).

    Example: kargo-release bump-image mapcache --to 1.14.1
    """
    from kargo_release.images import bump
    from kargo_release.images.project import Project

    chosen = _chosen(part, to)
    project = Project.open(Path.cwd())
    done = bump.bump_image(project, names[0], chosen, to, commit=commit, dry_run=dry_run)
    image = {
        "app": done.app,
        "version": done.new,
        "old_version": done.old,
        "reasons": list(done.reasons),
        "state": _state(is_change=done.is_raised, dry_run=dry_run),
    }
    lines = [*_headline(done.app, done), *_committed(done.commit)]
    return Reply(_shown(lines), {"images": [image], "commit": done.commit or None})
