"""What a builder is asked, what it answers, and what one is."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kargo_release.errors import FailedError

Log = Callable[[str], None]
"""Takes each line that a builder writes, as soon as it is there; without its end of line."""

ATTESTATIONS = (PROVENANCE, SBOM) = ("provenance", "sbom")
"""How it was built (SLSA), and what is in it (SPDX): docs.docker.com, "Build attestations"."""

_FIRST, _LAST = 200, 2000  # lines of a log that are kept
_LONGEST_LINE = 2000  # characters


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
class RemoteContext:
    """A build context that BuildKit fetches itself, with a Dockerfile of ours.

    Args:
        address: Docker's ``URL#ref:folder``.
        dockerfile: The Dockerfile, a file on this machine.
    """

    address: str
    dockerfile: Path


@dataclass(frozen=True)
class BuildOrder:
    """One image to build.

    Args:
        context: What the build may copy from.
        tags: Full references, host included, that the image gets.
        arguments: Build arguments; they show in the image's history, so no secret may be one.
        labels: Labels of the image.
        target: The stage to build; None for the last.
        platforms: Such as ``linux/amd64``; none for the builder's own.
        no_cache: Whether every step is done anew.
        cache: Reference in a registry from which BuildKit takes what it built before.
        keep_cache: Whether what is built now is put there, too.
        secrets: Files by the id that ``RUN --mount=type=secret,id=…`` names.
        push: Whether the builder itself pushes all tags, and leaves no image in the engine: the
            only way for several platforms. Else the image is put into the engine.
        attestations: What is pushed with it of `ATTESTATIONS`.
    """

    context: TarContext | RemoteContext
    tags: tuple[str, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platforms: tuple[str, ...] = ()
    no_cache: bool = False
    cache: str | None = None
    keep_cache: bool = False
    secrets: Mapping[str, Path] = field(default_factory=dict)
    push: bool = False
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


class Builder(Protocol):
    """Builds images: with BuildKit, or with the engine's own builder."""

    def check(self, order: BuildOrder, demand: str) -> None:
        """Refuse what this builder can't do, before anything is built.

        Args:
            order: The image.
            demand: What in its Dockerfile needs BuildKit; empty for nothing.

        Raises:
            RefusedError: It can't, and which builder could.
            InvalidError: A value of the order is none that a builder takes.
        """

    def build(self, order: BuildOrder, log: Log) -> Built:
        """Build an image.

        Raises:
            BuildError: It failed, was refused by a registry, or hung; the error bears the log.
            FailedError: The engine died.
        """


class BuildError(FailedError):
    """A build failed.

    Args:
        message: What happened, in one line.
        remedy: What to do about it.
        log: The lines that the builder wrote, or as many as are kept; not part of the message.
    """

    def __init__(self, message: str, remedy: str = "", log: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy)
        self.log = log


class KeptLog:
    """Hands lines on and keeps them: the first 200 and the last 2000, each up to 2000 characters.

    Args:
        log: Takes every line.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST)
        self._count = 0

    def __call__(self, line: str) -> None:
        """Take a line."""
        line = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
        self._count += 1
        if len(self._first) < _FIRST:
            self._first.append(line)
        else:
            self._last.append(line)
        self._log(line)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are kept, and how many are not."""
        lost = self._count - len(self._first) - len(self._last)
        gap = [f"… {lost} lines are not kept …"] if lost else []
        return (*self._first, *gap, *self._last)
