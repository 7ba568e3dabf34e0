"""How Dockerfiles name the images of this repository."""

from collections.abc import Iterable, Mapping

from kargo_release.images.image import Image

_HUB = "docker.io"
_HUBS = (_HUB, "index.docker.io")


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
    host, slash, path = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = _HUB, name
    if host not in _HUBS:
        return name
    return f"{_HUB}/{path}" if "/" in path else f"{_HUB}/library/{path}"
