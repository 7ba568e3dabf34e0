"""An OCI artifact as it is pushed: configuration, layers, and the manifest that names them.

Format: OCI image specification 1.1, ``manifest.md`` and ``descriptor.md``.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kargo_release.errors import FailedError, InvalidError

if TYPE_CHECKING:
    from kargo_release.oci.access import Access

MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
CREATED = "org.opencontainers.image.created"
# The latter is Docker's own (distribution/distribution manifest/schema2/manifest.go).
_IMAGE_CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
_PIECE = 1 << 18


# What Go's encoding/json escapes beyond JSON's own rules, so that our bytes equal Helm's.
_GO_ESCAPES = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the document as compact JSON, byte for byte as Go's ``json.Marshal`` writes it."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_GO_ESCAPES).encode()


@dataclass(frozen=True)
class Blob:
    """Bytes of a media type; the digest is worked out once."""

    media_type: str
    data: bytes

    @cached_property
    def digest(self) -> str:
        """The content address, ``sha256:HEX``."""
        return f"sha256:{sha256(self.data).hexdigest()}"

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return len(self.data)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes from the first to the last, at most 256 KiB at a time."""
        return (self.data[start : start + _PIECE] for start in range(0, self.size, _PIECE))


@dataclass(frozen=True)
class FileBlob:
    """A blob that stays in a file, hashed and sent in pieces; `file_blob` makes it.

    The file must not change as long as the blob is in use.
    """

    media_type: str
    path: Path
    digest: str
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes from the first to the last, at most 256 KiB at a time.

        Raises:
            InvalidError: The file cannot be read.
            FailedError: It has become shorter or longer.
        """
        left = self.size
        with _opened(self.path) as file:
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
        if left:
            raise FailedError(f"{self.path} changed while it was read", "Run the command again.")


Content = Blob | FileBlob
"""What an artifact is made of: bytes in memory, or those of a file."""


def descriptor(blob: Content) -> dict[str, Any]:
    """Return the descriptor that a manifest holds of a blob; the size is in bytes."""
    return {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size}


def file_blob(media_type: str, path: Path) -> FileBlob:
    """Return the blob in a file, which is read once, in pieces, for its digest.

    Raises:
        InvalidError: The file cannot be read.
    """
    with _opened(path) as file:
        digest = file_digest(file, "sha256").hexdigest()
        return FileBlob(media_type, path, f"sha256:{digest}", file.tell())


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise InvalidError(
            f"{path} cannot be read: {error.strerror}", "Correct its rights, or make it again."
        ) from None


@dataclass(frozen=True)
class Artifact:
    """What is pushed under one tag."""

    config: Blob
    layers: tuple[Content, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> Blob:
        """The manifest, byte for byte as it is sent: compact JSON, annotations sorted by key.

        Its own ``mediaType`` is left out and the layers are sorted by digest, as Helm does
        (helm/helm ``pkg/registry/client.go``, Push).
        """
        body = {
            "schemaVersion": 2,
            "config": descriptor(self.config),
            "layers": sorted(map(descriptor, self.layers), key=lambda each: str(each["digest"])),
            "annotations": dict(sorted(self.annotations.items())),
        }
        return Blob(MANIFEST_MEDIA_TYPE, encode(body))


@dataclass(frozen=True)
class Manifest:
    """A manifest that a store holds: its digest as worked out from the bytes, and its content."""

    digest: str
    document: Mapping[str, Any]

    @property
    def annotations(self) -> Mapping[str, str]:
        """The manifest's annotations; empty when there are none."""
        return self.document.get("annotations") or {}

    @property
    def holds_image(self) -> bool:
        """Whether this is a container image, or an index of images for several platforms."""
        config = self.document.get("config")
        kind = config.get("mediaType") if isinstance(config, dict) else None
        return str(kind) in _IMAGE_CONFIGS or isinstance(self.document.get("manifests"), list)


class Store(Protocol):
    """Where artifacts are kept: a registry, or OCI layouts in a folder.

    ``repository`` is the last part of the path, below the prefix the store was opened with
    (``kano`` in ``oci://harbor.example.com/kalisio/helm/kano``).
    """

    def reference(self, repository: str, tag: str) -> str:
        """Return how a person names the artifact: ``host/path/kano:1.4.0``."""
        ...

    def manifest(self, repository: str, tag: str) -> Manifest | None:
        """Return the manifest that ``tag`` (or a digest) names, or None when there is none."""
        ...

    def blob(self, repository: str, digest: str, limit: int) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest checked."""
        ...

    def push(self, repository: str, tag: str, artifact: Artifact, *, replace: bool) -> str:
        """Store the artifact under ``tag`` and return its manifest's digest.

        With ``replace`` false a tag that already names something else is refused.
        """
        ...

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags; empty when there is no such repository."""
        ...

    def access(self, repository: str) -> "Access":
        """Return whether we may pull and push, found out without leaving anything there."""
        ...
