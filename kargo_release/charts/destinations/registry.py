"""The registry as a destination: one repository for each chart, one tag for each version."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from kargo_release.charts.archive import LARGEST_ARCHIVE
from kargo_release.charts.desired import ARCHIVE_MEDIA_TYPE, CONTENT_DIGEST, ChartRelease
from kargo_release.charts.destinations.archives import compare
from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.oci.artifact import Manifest, Store
from kargo_release.oci.manifest import is_descriptor
from kargo_release.plan import Answer, Found, Row, State, each, look_up


class NoChartError(RefusedError):
    """What the registry holds is no Helm chart."""


class RegistryDestination:
    """A registry, or the OCI layouts that stand for one."""

    name = "registry"

    def __init__(self, store: Store, jobs: int) -> None:
        self._store = store
        self._jobs = jobs

    def find(self, desired: Sequence[ChartRelease]) -> Sequence[Answer]:
        """Return what the registry holds of each release; one request for each."""
        return look_up(self._find, desired, self._jobs)

    def publish(
        self, rows: Sequence[Row[ChartRelease]], done: Callable[[Row[ChartRelease], Answer], None]
    ) -> Sequence[Answer]:
        """Push each release; a version that is out with other content is refused again here."""
        return each(self._publish, rows, self._jobs, done)

    def check_writable(self) -> None:
        """Do nothing: a registry takes no harm from two that push the same."""

    def fetch(self, release: ChartRelease) -> bytes:
        """Return the archive that is out."""
        manifest = self._store.manifest(release.name, release.oci_tag)
        reference = self._store.reference(release.name, release.oci_tag)
        if manifest is None:
            raise FailedError(f"{reference} is gone", "Run it again.")
        return read_archive(self._store, release.name, reference, manifest)

    def _find(self, release: ChartRelease) -> Found:
        reference = self._store.reference(release.name, release.oci_tag)
        manifest = self._store.manifest(release.name, release.oci_tag)
        if manifest is None:
            return Found(State.ABSENT, reference)
        sha256 = archive_layer(manifest, reference)["digest"].removeprefix("sha256:")
        content = manifest.annotations.get(CONTENT_DIGEST)
        if content is None and sha256 != release.archive.sha256:  # Helm or a script pushed it
            tgz = read_archive(self._store, release.name, reference, manifest)
            state = compare(release, tgz, reference)
        else:
            same = content in (None, release.archive.content_digest)
            state = State.SAME if same else State.DIFFERENT
        return Found(state, reference, digest=manifest.digest, sha256=sha256)

    def _publish(self, row: Row[ChartRelease]) -> Found:
        release = row.desired
        try:
            digest = self._store.push(
                release.name, release.oci_tag, release.artifact, replace=release.is_dev
            )
        except RefusedError:
            found = self._find(release)  # a helper may have pushed the same, deflated otherwise
            if found.state is State.SAME:
                return found
            raise
        reference = row.found[self.name].reference
        return Found(State.SAME, reference, digest=digest, sha256=release.archive.sha256)


def read_archive(store: Store, repository: str, reference: str, manifest: Manifest) -> bytes:
    """Return the archive that a manifest names, as long as it says, its digest checked.

    Raises:
        NoChartError: The manifest is of something else.
        InvalidError: The archive is larger than any chart's, or not there.
        FailedError: Other bytes come, or more of them.
    """
    layer = archive_layer(manifest, reference)
    if layer["size"] > LARGEST_ARCHIVE:
        raise InvalidError(
            f"{reference} is larger than {LARGEST_ARCHIVE} bytes",
            "Find out what it is; remove it if it is junk.",
        )
    return store.blob(repository, layer["digest"], layer["size"])


def archive_layer(manifest: Manifest, reference: str) -> Mapping[str, Any]:
    """Return the descriptor of the layer that is the chart's archive: digest and size in bytes.

    Raises:
        NoChartError: The manifest is of something else.
    """
    layers = manifest.document.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        if is_descriptor(layer) and layer["mediaType"] == ARCHIVE_MEDIA_TYPE:
            return cast("Mapping[str, Any]", layer)
    held = "a container image and no" if manifest.holds_image else "something else than a"
    raise NoChartError(
        f"{reference} holds {held} Helm chart",
        "Give charts a path of their own in the registry, apart from images.",
    )
