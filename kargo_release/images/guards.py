"""What must hold before an image is pushed: what it is built from is committed."""

from collections.abc import Iterable, Sequence

from kargo_release.errors import RefusedError, few
from kargo_release.git.repository import Repository
from kargo_release.images.image import Image

_SHOWN = 5  # files that a message names


def folders_of(images: Sequence[Image]) -> list[str]:
    """Return the folders of this repository that images are built from."""
    found = {each.folder for each in images}
    found.update(each.context for each in images if isinstance(each.context, str))
    return sorted(found)


def uncommitted(repository: Repository, images: Sequence[Image]) -> list[str]:
    """Return the files of the images' folders that differ from HEAD, new ones too."""
    return sorted(repository.uncommitted(folders_of(images))) if images else []


def changed_of(image: Image, changed: Iterable[str]) -> list[str]:
    """Return those of some changed files that one image is built from."""
    folders = tuple("" if each == "." else f"{each}/" for each in folders_of([image]))
    return [path for path in changed if path.startswith(folders)]


def check_committed(images: Iterable[Image], changed: Sequence[str]) -> None:
    """Refuse to push what no commit holds.

    Args:
        images: What is to be pushed.
        changed: What `uncommitted` returned.

    Raises:
        RefusedError: An image is built from such a file.
    """
    found = sorted({path for image in images for path in changed_of(image, changed)})
    if not found:
        return
    raise RefusedError(
        f"not committed: {few(found, _SHOWN)}",
        "Commit or remove that; an image that is pushed tells the commit that it was built from.",
    )
