"""Reading a manifest that somebody else holds: bounded, and only in the shape that we use.

Format: OCI image specification 1.1, ``manifest.md``.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from kargo_release.errors import InvalidError
from kargo_release.oci.artifact import Manifest
from kargo_release.oci.names import is_digest

LONGEST = 4 << 20


def digest_of(data: bytes) -> str:
    """Return the content address of ``data``, ``sha256:HEX``."""
    return f"sha256:{sha256(data).hexdigest()}"


def read_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest in ``data``, with the digest worked out from these bytes.

    Args:
        data: The bytes as they are stored.
        where: What is read, for errors.

    Raises:
        InvalidError: It is no manifest of an image or of an index of images.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidError(f"{where} is not JSON", "Check what is stored there.") from None
    if not isinstance(document, dict) or not _is_well_formed(document):
        raise InvalidError(f"{where} is not a manifest of OCI", "Check what is stored there.")
    return Manifest(digest_of(data), document)


def _is_well_formed(document: Mapping[str, Any]) -> bool:
    annotations = document.get("annotations") or {}
    listed = [document.get("config"), *_listed(document, "layers"), *_listed(document, "manifests")]
    return (
        isinstance(annotations, dict)
        and all(isinstance(value, str) for value in annotations.values())
        and all(descriptor is None or is_descriptor(descriptor) for descriptor in listed)
        and len(listed) > 1
    )


def _listed(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    return value if isinstance(value, list) else []


def is_descriptor(value: object) -> bool:
    """Return whether ``value`` names a blob by digest, size and media type."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("mediaType"), str)
        and isinstance(value.get("size"), int)
        and isinstance(value.get("digest"), str)
        and is_digest(value["digest"])
    )
