"""The copies of a released version: what registry and backup tell of them without the archive."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from kargo_release.bucket.store import ObjectStore
from kargo_release.charts.archive import LARGEST_ARCHIVE, ChartArchive
from kargo_release.charts.desired import CONTENT_DIGEST
from kargo_release.charts.destinations.registry import archive_layer, read_archive
from kargo_release.charts.inventory.known import Known
from kargo_release.errors import FailedError
from kargo_release.oci.artifact import Store


@dataclass(frozen=True)
class Copy:
    """An archive that is out.

    Args:
        place: How a person names it.
        sha256: Of its bytes, as the place tells it; empty where it does not.
        size: In bytes; None where the place does not tell it.
        content: The content digest that was written beside it; empty where Helm put it there.
        digest: Of the registry's manifest.
        fetch: Brings its bytes.
    """

    place: str
    sha256: str
    size: int | None
    content: str
    digest: str
    fetch: Callable[[], bytes]

    def read(self) -> tuple[str, ChartArchive]:
        """Return the sha256 of the bytes that are really there, and the archive that they are.

        Raises:
            InvalidError: They are none.
            FailedError: They can't be had.
        """
        tgz = self.fetch()
        return sha256(tgz).hexdigest(), ChartArchive.read(tgz, self.place)


class Copies(Protocol):
    """A place that holds copies."""

    name: str

    def reference(self, known: Known) -> str:
        """Return how a person names the version there, be it there or not."""
        ...

    def find(self, known: Known) -> Copy | None:
        """Return the copy of a version; None where there is none."""
        ...


class RegistryCopies:
    """What the registry holds: its manifest tells all that the copy does, but the files."""

    name = "registry"

    def __init__(self, store: Store) -> None:
        self._store = store

    def reference(self, known: Known) -> str:
        """Return ``host/path/kano:1.4.0``."""
        return self._store.reference(known.name, _oci_tag(known))

    def find(self, known: Known) -> Copy | None:
        """Return the copy: one request, and none for a version that the list of tags lacks."""
        if not known.in_registry:
            return None
        manifest = self._store.manifest(known.name, _oci_tag(known))
        if manifest is None:
            return None
        place = self.reference(known)
        layer = archive_layer(manifest, place)
        return Copy(
            place,
            sha256=layer["digest"].removeprefix("sha256:"),
            size=layer["size"],
            content=manifest.annotations.get(CONTENT_DIGEST, ""),
            digest=manifest.digest,
            fetch=lambda: read_archive(self._store, known.name, place, manifest),
        )


class BackupCopies:
    """What the backup holds, by its index and the list of its objects.

    Args:
        store: It is listed at once: one request for each 1,000 objects.

    Raises:
        FailedError: It can't be listed.
        RefusedError: It may not be listed.
    """

    name = "backup"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._objects = {each.key: each for each in store.list()}

    def reference(self, known: Known) -> str:
        """Return ``s3://bucket/prefix/kano-1.4.0.tgz``, or a path."""
        return self._store.location(_file_name(known))

    def find(self, known: Known) -> Copy | None:
        """Return the copy, as index.yaml and the list of objects describe it: no request."""
        held = self._objects.get(_file_name(known))
        if held is None:
            return None
        return Copy(
            self.reference(known),
            sha256=listed_digest(known),
            size=held.size,
            content="",
            digest="",
            fetch=lambda: self._fetch(_file_name(known)),
        )

    def _fetch(self, key: str) -> bytes:
        stored = self._store.get(key, LARGEST_ARCHIVE)
        if stored is None:
            raise FailedError(f"{self._store.location(key)} is gone", "Run it again.")
        return stored[0]


def listed_digest(known: Known) -> str:
    """Return the sha256 that index.yaml has of the archive; empty where it has none."""
    return str((known.entry or {}).get("digest") or "").removeprefix("sha256:")


def _oci_tag(known: Known) -> str:
    return known.version.replace("+", "_")


def _file_name(known: Known) -> str:
    return f"{known.name}-{known.version}.tgz"
