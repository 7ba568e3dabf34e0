"""Where images go: the engine and, for those that are pushed, the registry."""

from collections.abc import Callable, Sequence

from kargo_release.errors import FailedError
from kargo_release.images.desired import ImageBuild
from kargo_release.images.inputs import INPUTS_DIGEST
from kargo_release.images.making import Maker
from kargo_release.oci.artifact import Store
from kargo_release.oci.image import RemoteImage, read_remote_image
from kargo_release.plan import Answer, Found, Row, State, each, look_up

ENGINE, REGISTRY = "engine", "registry"


class EngineDestination:
    """Docker's engine, for images that stay on this machine."""

    name = ENGINE

    def __init__(self, maker: Maker, jobs: int) -> None:
        self._maker = maker
        self._jobs = jobs

    def find(self, desired: Sequence[ImageBuild]) -> Sequence[Answer]:
        """Return what the engine has under the name of each image."""
        return look_up(self._find, desired, self._jobs)

    def publish(
        self, rows: Sequence[Row[ImageBuild]], done: Callable[[Row[ImageBuild], Answer], None]
    ) -> Sequence[Answer]:
        """Build each image."""
        return each(self._publish, rows, self._jobs, done)

    def _find(self, build: ImageBuild) -> Found:
        held = self._maker.engine.image(build.reference)
        if held is None:
            return Found(State.ABSENT, build.reference)
        is_same = has_every_name(self._maker, build)
        state = State.SAME if is_same else State.DIFFERENT
        return Found(state, build.reference, digest=held.id)

    def _publish(self, row: Row[ImageBuild]) -> Found:
        image = self._maker.make(row.desired)
        return Found(State.SAME, row.desired.reference, digest=image.id)


def has_every_name(maker: Maker, build: ImageBuild) -> bool:
    """Whether the engine has an image of these inputs under every name that is needed."""
    held = [maker.engine.image(name) for name in build.names]
    return all(image and image.labels.get(INPUTS_DIGEST) == build.inputs.digest for image in held)


class RegistryDestination:
    """The registry of images; what is pushed to it is built first."""

    name = REGISTRY

    def __init__(self, store: Store, maker: Maker, jobs: int) -> None:
        self._store = store
        self._maker = maker
        self._jobs = jobs

    def find(self, desired: Sequence[ImageBuild]) -> Sequence[Answer]:
        """Return what the registry holds under the tag of each image."""
        return look_up(self._find, desired, self._jobs)

    def publish(
        self, rows: Sequence[Row[ImageBuild]], done: Callable[[Row[ImageBuild], Answer], None]
    ) -> Sequence[Answer]:
        """Build and push each image, and read it back."""
        return each(self._publish, rows, self._jobs, done)

    def _find(self, build: ImageBuild) -> Found:
        held = self._read(build)
        if held is None:
            return Found(State.ABSENT, build.reference)
        is_same = held.label(INPUTS_DIGEST) == build.inputs.digest
        state = State.SAME if is_same else State.DIFFERENT
        return Found(state, build.reference, digest=held.digest)

    def _publish(self, row: Row[ImageBuild]) -> Found:
        build = row.desired
        pushed = self._maker.push(build)
        held = self._read(build)
        if held is not None and held.digest == pushed:
            return Found(State.SAME, build.reference, digest=pushed)
        if held is not None and held.label(INPUTS_DIGEST) == build.inputs.digest:
            return Found(State.SAME, build.reference, digest=held.digest, is_met=True)
        now = f"now holds {held.digest}" if held else "does not have it"
        raise FailedError(
            f"{build.reference} was pushed as {pushed}, and the registry {now}",
            "Look whether somebody else pushes there; then run this again.",
        )

    def _read(self, build: ImageBuild) -> RemoteImage | None:
        return read_remote_image(self._store, build.image.repository, build.tag)
