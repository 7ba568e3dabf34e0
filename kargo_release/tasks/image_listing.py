"""The command that lists images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kargo_release.commandline import Reply, command
from kargo_release.errors import KargoError

if TYPE_CHECKING:
    from kargo_release.images.image import Image
    from kargo_release.images.project import Project

_HEADER = ("app", "version", "context", "platforms", "image")


@command("[APP...]")
def list_images(names: tuple[str, ...]) -> Reply:
    """List images: what each image.yaml says, and the name that is built when none is asked for.

    The files are read as they are on disk. Neither Docker nor a registry is asked.

    Example: kargo-release list-images kano
    """
    from kargo_release.images.image_file import read_images
    from kargo_release.images.project import Project

    project = Project.open(Path.cwd())
    with project.repository.working_tree() as tree:
        images = read_images(tree, project.settings.images)
    found = {each.app: each for each in images.named(names)} if names else images
    return _reply(found, project)


def _reply(found: "Mapping[str, Image | KargoError]", project: "Project") -> Reply:
    from kargo_release.console import Console, Painted, table

    errors = [each for each in found.values() if isinstance(each, KargoError)]
    for error in errors:
        Console().say(Painted("error: ", "bad"), str(error))
    images = [each for each in found.values() if not isinstance(each, KargoError)]
    rows = [_row(each, project) for each in images]
    first = next(iter(errors), None)
    document = {
        "images": [_document(app, each, project) for app, each in found.items()],
        "error": first and first.document(),
    }
    text = table(_HEADER, rows) if rows else f"no image in {project.settings.images}/"
    return Reply(text, document, first.exit_code if first else 0)


def _row(image: "Image", project: "Project") -> tuple[str, ...]:
    platforms = ", ".join(image.platforms) or "-"
    return image.app, image.version, str(image.context), platforms, _reference(image, project)


def _document(app: str, each: "Image | KargoError", project: "Project") -> dict[str, Any]:
    if isinstance(each, KargoError):
        unknown = dict.fromkeys(("version", "tag", "reference", "context"))
        return {"app": app, **unknown, "platforms": [], "error": each.document()}
    return {
        "app": app,
        "version": each.version,
        "tag": each.tag(None),
        "reference": _reference(each, project),
        "context": str(each.context),
        "platforms": [*each.platforms],
        "error": None,
    }


def _reference(image: "Image", project: "Project") -> str:
    return project.reference(image.repository, image.tag(None))
