"""The images that a Dockerfile begins with and copies from: which content they have now.

As a builder does, an image that the engine has is taken before the registry's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kargo_release.docker.names import full_name
from kargo_release.errors import FailedError, InvalidError, KargoError
from kargo_release.images.dockerfile import parse_reference
from kargo_release.images.image import Image
from kargo_release.images.inputs import INPUTS_DIGEST
from kargo_release.oci.artifact import Store
from kargo_release.oci.image import read_remote_image
from kargo_release.plan import each

_DEFAULT_TAG = "latest"


class LocalImage(Protocol):
    """What is told of an image that the engine has."""

    @property
    def id(self) -> str:
        """The digest of its configuration."""
        ...

    @property
    def repo_digests(self) -> tuple[str, ...]:
        """The manifests that it was pulled from or pushed as: ``name@sha256:HEX``."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        ...


@dataclass(frozen=True)
class BaseName:
    """An image's name in a Dockerfile, completed as Docker does.

    Args:
        host: The registry.
        repository: The path there.
        tag: ``latest`` where none is given.
        digest: ``sha256:HEX``; empty where none is given.
    """

    host: str
    repository: str
    tag: str
    digest: str

    @property
    def tagged(self) -> str:
        """The whole name with its tag."""
        return f"{self.host}/{self.repository}:{self.tag}"


def base_name(text: str) -> BaseName | None:
    """Return the parts of a name; None where it can't be one."""
    reference = parse_reference(text)
    if reference is None:
        return None
    host, _, repository = full_name(reference.name).partition("/")
    return BaseName(host, repository, reference.tag or _DEFAULT_TAG, reference.digest)


def names_of(image: Image, tag: str, prefix: str) -> set[str]:
    """Return the whole names under which other Dockerfiles of the repository mean an image."""
    names = (f"{image.repository}:{tag}", f"{prefix}{image.repository}:{tag}")
    found = filter(None, map(base_name, names))
    return {name.tagged for name in found}


@dataclass
class Bases:
    """Looks the digests of bases up, each once in a run.

    Args:
        local: Returns what the engine has under a name.
        registry: Returns the registry at ``host/path``.
        prefix: What the whole names of this repository's images begin with.
        own: The inputs' digests of images of this run, by their whole names.
        jobs: How many registries are asked at once.
    """

    local: Callable[[str], LocalImage | None]
    registry: Callable[[str], Store]
    prefix: str
    own: dict[str, str] = field(default_factory=dict)
    jobs: int = 1
    _known: dict[str, str | KargoError] = field(default_factory=dict)

    def look_up(self, names: Iterable[str]) -> None:
        """Ask for images that are not of this run, side by side; what goes wrong is kept, too."""
        found = ((text, base_name(text)) for text in names)
        asked = {name.tagged: (text, name) for text, name in found if name and not name.digest}
        answers = each(lambda one: self._found(*one), list(asked.values()), self.jobs)
        self._known.update(zip(asked, answers, strict=True))

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return what tells the content of each image that can be had, by its Dockerfile's name.

        Raises:
            InvalidError: A name can't be one.
        """
        found = {name: self._digest(name) for name in names}
        return {name: digest for name, digest in found.items() if isinstance(digest, str)}

    def fault(self, names: Iterable[str]) -> KargoError | None:
        """Return why one of some images can't be had; None where all can.

        Raises:
            InvalidError: A name can't be one.
        """
        found = map(self._digest, names)
        return next((digest for digest in found if isinstance(digest, KargoError)), None)

    def _digest(self, text: str) -> str | KargoError:
        name = base_name(text)
        if name is None:
            raise InvalidError(
                f"{text[:200]!r} can't be the name of an image",
                "Correct the FROM, or the build argument in it.",
            )
        if name.digest:
            return name.digest
        if name.tagged in self.own:
            return self.own[name.tagged]
        if name.tagged not in self._known:
            self.look_up([text])
        return self._known[name.tagged]

    def _found(self, text: str, name: BaseName) -> str:
        image = self.local(text)
        if image is None:
            return self._remote(name)
        return content_of(image, name, is_ours=self._is_ours(text, name))

    def _is_ours(self, text: str, name: BaseName) -> bool:
        """Whether it may be an image of this repository; others inherit the label of a base."""
        if not self.prefix:
            return "/" not in text
        return name.tagged.startswith(self.prefix)

    def _remote(self, name: BaseName) -> str:
        folder, _, last = name.repository.rpartition("/")
        try:
            digest = self._in_registry(self.registry(f"{name.host}/{folder}"), last, name)
        except KargoError as error:
            raise type(error)(f"the base {name.tagged}: {error.message}", error.remedy) from None
        if digest is None:
            raise FailedError(
                f"the base {name.tagged} is neither here nor in its registry",
                "Correct its name, or build it first.",
            )
        return digest

    def _in_registry(self, registry: Store, repository: str, name: BaseName) -> str | None:
        is_ours = bool(self.prefix) and name.tagged.startswith(self.prefix)
        if is_ours and (image := read_remote_image(registry, repository, name.tag)):
            return image.label(INPUTS_DIGEST) or image.digest
        manifest = registry.manifest(repository, name.tag)
        return manifest.digest if manifest else None


def content_of(image: LocalImage, name: BaseName, *, is_ours: bool) -> str:
    """Return what tells the content of an image: its inputs if it is ours, or its digest."""
    if is_ours and (inputs := image.labels.get(INPUTS_DIGEST)):
        return inputs
    wanted = f"{name.host}/{name.repository}"
    for pulled in image.repo_digests:
        repository, _, digest = pulled.partition("@")
        if full_name(repository) == wanted:
            return digest
    return image.id
