"""How Dockerfiles name the images of this repository."""

from collections.abc import Iterable, Mapping

from kargo_release.docker.login import DOCKER_HUB, registry_host
from kargo_release.images.image import Image
from kargo_release.oci.hosts import is_docker_hub


def apps_by_name(images: Iterable[Image], prefix: str) -> Mapping[str, str]:
    """Return the app behind each full name: that in the registry, and that without it.

    Args:
        images: Those of the repository.
        prefix: What their names in a registry begin with, ``docker.io/kalisio/``; or empty.
    """
    return {
        full_name(begin + image.repository): image.app for image in images for begin in ("", prefix)
    }


def full_name(name: str) -> str:
    """Return an image's name, without tag and digest, as Docker completes it.

    Source: distribution/reference ``normalize.go``.
    """
    host = registry_host(name)
    if host != DOCKER_HUB:
        return name
    first, _, rest = name.partition("/")
    path = rest if is_docker_hub(first) else name
    return f"{host}/{path}" if "/" in path else f"{host}/library/{path}"
