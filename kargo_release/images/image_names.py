"""How Dockerfiles name the images of this repository."""

from collections.abc import Iterable, Mapping

from kargo_release.docker.names import full_name
from kargo_release.images.image import Image


def apps_by_name(images: Iterable[Image], prefix: str) -> Mapping[str, str]:
    """Return the app behind each full name: that in the registry, and, with its tag, that without.

    A name without a registry is Docker Hub's, too: only with its own tag it means the image here.

    Args:
        images: Those of the repository.
        prefix: What their names in a registry begin with, ``docker.io/kalisio/``; or empty.
    """
    found: dict[str, str] = {}
    for image in images:
        found[f"{full_name(image.repository)}:{image.tag(None)}"] = image.app
        if prefix:
            found[full_name(prefix + image.repository)] = image.app
    return found
