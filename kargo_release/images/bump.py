"""Raises the version in an image's description."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kargo_release import conventional, versions, yamlfile
from kargo_release.bump import Part, check_forward, raised, weighed
from kargo_release.errors import InvalidError
from kargo_release.git.edits import check_clean, read_file, write_files
from kargo_release.git.history import last_change, messages_touching
from kargo_release.git.repository import Commit
from kargo_release.images.image import Image
from kargo_release.images.image_file import read_images
from kargo_release.images.image_keys import FILE_NAME, read_image
from kargo_release.images.project import Project

_LINES = "^[\"']?version[\"']?[[:space:]]*:"


@dataclass(frozen=True)
class ImageBump:
    """An image, its version, what that becomes, why, and the commit that was made, if one was."""

    app: str
    old: str
    new: str
    reasons: Sequence[str]
    commit: str = ""

    @property
    def is_raised(self) -> bool:
        """Whether the version changes."""
        return self.new != self.old


def bump_image(
    project: Project, app: str, part: Part | None, to: str, *, commit: bool, dry_run: bool
) -> ImageBump:
    """Raise the version in image.yaml, in the working tree; no other byte of it changes.

    Args:
        project: Where the images are.
        app: The image.
        part: The part to raise; None for what commits since the last bump propose.
        to: The version itself; empty for none.
        commit: Commit what was changed.
        dry_run: Change nothing.

    Raises:
        InvalidError: The image is unknown or can't be read, or would have no valid tag.
        RefusedError: The version would go backwards, or the folder is not committed.
        FailedError: The file can't be written, or Git can't commit.
    """
    head = project.repository.commit()
    images = read_images(project.repository.tree(head), project.settings.images)
    [image] = images.named([app])
    check_clean(project.repository, [image.folder])
    bump = _bump(project, head, image, part, to, set(images))
    if not bump.is_raised:
        return bump
    place = f"{image.folder}/{FILE_NAME}"
    data = yamlfile.replace_scalar(read_file(project.repository, place), "version", bump.new, place)
    read_image(app, image.folder, data)
    if dry_run:
        return bump
    message = f"Bump {app} to {bump.new}\n" if commit else ""
    made = write_files(project.repository, {place: data}, message)
    return replace(bump, commit=made)


def _bump(
    project: Project, head: Commit, image: Image, part: Part | None, to: str, apps: set[str]
) -> ImageBump:
    old = image.version
    if to:
        if to != old:
            _check_forward(image.app, old, to)
        reason = "is that already" if to == old else "asked for"
        return ImageBump(image.app, old, to, (reason,))
    if part is not None:
        return ImageBump(image.app, old, _raised(image, part), (f"{part}: asked for",))
    return _proposed(project, head, image, apps)


def _proposed(project: Project, head: Commit, image: Image, apps: set[str]) -> ImageBump:
    repository, old = project.repository, image.version
    file = f"{image.folder}/{FILE_NAME}"
    since = last_change(repository, head, file, _LINES) or last_change(repository, head, file, "")
    messages = messages_touching(repository, since, head, [image.folder]) if since else []
    if not messages:
        return ImageBump(image.app, old, old, (f"nothing changed since it became {old}",))
    part, reasons = weighed(conventional.evidence_of(messages, image.app, apps))
    return ImageBump(
        image.app, old, _raised(image, part), reasons or ("patch: its folder changed",)
    )


def _raised(image: Image, part: Part) -> str:
    try:
        return raised(image.version, part)
    except InvalidError as error:
        message = f"{image.app} is {image.version!r:.100}, which has no parts: {error.message}"
        raise InvalidError(message, "Name the version itself by --to.") from None


def _check_forward(app: str, old: str, new: str) -> None:
    """Refuse to go backwards; of what is no version, as upstreams have them, nobody can tell."""
    try:
        loose = [str(versions.parse_loose(each)) for each in (old, new)]
    except InvalidError:
        return
    check_forward(app, *loose)
