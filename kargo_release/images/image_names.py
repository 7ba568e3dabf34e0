"""How Dockerfiles name the images of this repository."""

from collections.abc import Iterable, Mapping

from kargo_release.docker.names import full_name
from kargo_release.images.image import Image


def apps_by_name(images: Iterable[Image], prefix: str) -> Mapping[str, str]:
    """Return the app behind each full name: that in the registry, and that without it.

    Args:
        images: Those of the repository.
        prefix: What their names in a registry begin with, ``docker.io/kalisio/``; or empty.
    """
    return {
        full_name(begin + image.repository): image.app for image in images for begin in ("", prefix)
    }
