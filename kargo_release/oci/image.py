"""A container image that a registry holds: what its configurations say.

Formats: OCI image specification 1.1, ``image-index.md`` and ``config.md``; moby/buildkit
``docs/attestations/attestation-storage.md`` for what in an index is no image.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from kargo_release.errors import InvalidError
from kargo_release.oci.artifact import Manifest, Store

_LARGEST_CONFIG = 8 << 20  # bytes, as much as Docker takes of one
_MOST_PLATFORMS = 32
_ATTACHED = "vnd.docker.reference.type"


@dataclass(frozen=True)
class RemoteImage:
    """An image under one tag.

    Args:
        digest: Of the manifest or the index that the tag names.
        labels: Those of each of its images: one, or one for each platform.
    """

    digest: str
    labels: tuple[Mapping[str, str], ...]

    def label(self, name: str) -> str | None:
        """Return the label's value where all its images have the same; None otherwise."""
        values = {labels.get(name) for labels in self.labels}
        return values.pop() if len(values) == 1 else None


def read_remote_image(store: Store, repository: str, tag: str) -> RemoteImage | None:
    """Return the image that a tag names; None where there is none.

    Raises:
        InvalidError: What is there is no container image.
        RefusedError: The login is missing or has no right.
        FailedError: The registry cannot be reached or is not well.
    """
    manifest = store.manifest(repository, tag)
    if manifest is None:
        return None
    where = store.reference(repository, tag)
    images = list(_images(store, repository, manifest, where))
    if not images:
        raise _no_image(where)
    labels = tuple(_labels(store, repository, each, where) for each in images)
    return RemoteImage(manifest.digest, labels)


def _images(store: Store, repository: str, manifest: Manifest, where: str) -> Iterator[Manifest]:
    """Yield the manifest, or those that an index names, less what is only attached to them."""
    listed = manifest.document.get("manifests")
    if not isinstance(listed, list):
        yield manifest
        return
    if not all(map(_is_descriptor, listed)):
        raise _no_image(where)
    digests = [each["digest"] for each in listed if not _is_attached(each)]
    if len(digests) > _MOST_PLATFORMS:
        raise InvalidError(f"{where} has over {_MOST_PLATFORMS} platforms", _REMEDY)
    for digest in digests:
        image = store.manifest(repository, digest)
        if image is None:
            raise InvalidError(f"{where} names {digest}, which is not there", "Push it again.")
        yield image


def _is_descriptor(found: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(found, dict) and isinstance(found.get("digest"), str)


def _is_attached(descriptor: Mapping[str, Any]) -> bool:
    annotations = descriptor.get("annotations")
    return isinstance(annotations, dict) and _ATTACHED in annotations


def _labels(store: Store, repository: str, manifest: Manifest, where: str) -> Mapping[str, str]:
    """Return an image's labels."""
    descriptor = manifest.document.get("config")
    if not _is_descriptor(descriptor) or not manifest.holds_image:
        raise _no_image(where)
    try:
        document = json.loads(store.blob(repository, descriptor["digest"], _LARGEST_CONFIG))
        labels = (document.get("config") or {}).get("Labels") or {}
        return {key: value for key, value in labels.items() if isinstance(value, str)}
    except (ValueError, AttributeError, RecursionError):
        raise _no_image(where) from None


_REMEDY = "Look at what is stored there; another tag, or another image_registry, is free."


def _no_image(where: str) -> InvalidError:
    return InvalidError(f"{where} holds something else than a container image", _REMEDY)
