"""What a builder is asked, what it answers, and what one is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Log = Callable[[str], None]
"""Takes each line that a builder writes, as soon as it is there; without its end of line."""

Pulse = Callable[[], None]
"""Is called several times a second while a builder is silent; what it raises ends the build."""

ATTESTATIONS = (PROVENANCE, SBOM) = ("provenance", "sbom")
"""How it was built (SLSA), and what is in it (SPDX): docs.docker.com, "Build attestations"."""


@dataclass(frozen=True)
class TarContext:
    """A build context that is a tar file, plain or compressed by gzip.

    Args:
        file: The tar file. What ``.dockerignore`` leaves out must be left out already: no builder
            looks at that file in a context that it gets as tar.
        dockerfile: The Dockerfile's path in it.
    """

    file: Path
    dockerfile: str = "Dockerfile"


@dataclass(frozen=True)
class ApartContext:
    """A build context beside the Dockerfile, which is no part of it; for BuildKit alone.

    Args:
        address: Docker's ``URL#ref:folder``, which BuildKit fetches itself, or a folder.
        dockerfile: The Dockerfile, a file on this machine.
    """

    address: str
    dockerfile: Path


@dataclass(frozen=True)
class BuildOrder:
    """One image to build.

    Args:
        context: What the build may copy from.
        arguments: Build arguments; they show in the image's history, so no secret may be one.
        labels: Labels of the image.
        target: The stage to build; None for the last.
        platforms: Such as ``linux/amd64``; none for the builder's own.
        no_cache: Whether every step is done anew.
        cache: Reference in a registry from which BuildKit takes what it built before.
        keep_cache: Whether what is built now is put there, too.
        images: References in a registry by the names that the Dockerfile has for them, where the
            builder can't see what the engine has.
        secrets: Files by the id that ``RUN --mount=type=secret,id=…`` names.
        push: Full reference as which the builder itself pushes the image, and brings none into
            the engine: the only way for several platforms. Empty for an image in the engine, which
            has no name there.
        attestations: What is pushed with it of `ATTESTATIONS`.
    """

    context: TarContext | ApartContext
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platforms: tuple[str, ...] = ()
    no_cache: bool = False
    cache: str | None = None
    keep_cache: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    push: str = ""
    attestations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """What a builder made.

    Args:
        image: The image's Id in the engine; empty when it was only pushed.
        digest: The digest of the manifest that was pushed; empty when nothing was.
    """

    image: str
    digest: str


@dataclass(frozen=True)
class TimeLimits:
    """When a build counts as hanging.

    Args:
        silence: Seconds without a word from the builder.
        total: Seconds for the whole build.
    """

    silence: float = 1200.0
    total: float = 7200.0


@dataclass(frozen=True)
class Demand:
    """What a Dockerfile asks of its builder: in words with a line, empty for nothing.

    Args:
        buildkit: What only BuildKit can do.
        newer: What only a BuildKit of Dockerfile syntax 1.4 can do.
    """

    buildkit: str = ""
    newer: str = ""


class Builder(Protocol):
    """Builds images: with BuildKit, or with the engine's own builder."""

    @property
    def sees_engine(self) -> bool:
        """Whether it begins with images that the engine has."""
        ...

    @property
    def takes_apart(self) -> bool:
        """Whether the Dockerfile may lie beside the context."""
        ...

    def check(self, order: BuildOrder, demand: Demand) -> None:
        """Refuse what this builder can't do, before anything is built.

        Args:
            order: The image.
            demand: What its Dockerfile asks of the builder.

        Raises:
            RefusedError: It can't, and which builder could.
            InvalidError: A value of the order is none that a builder takes.
        """

    def build(self, order: BuildOrder, log: Log, pulse: Pulse) -> Built:
        """Build an image.

        Raises:
            RefusedError: A registry does not let us.
            FailedError: It failed, or hung, or the engine died.
        """
