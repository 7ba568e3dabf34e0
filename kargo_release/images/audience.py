"""Who is told how a build goes; of images side by side from several threads."""

from collections.abc import Sequence
from typing import Protocol

from kargo_release.findings import Finding
from kargo_release.images.desired import ImageBuild
from kargo_release.plan import Row


class Listener(Protocol):
    """Who is told what happens while images are made."""

    def step(self, build: ImageBuild, what: str) -> None:
        """Be told what begins: ``building``."""
        ...

    def line(self, build: ImageBuild, line: str) -> None:
        """Be told a line of the builder's log."""
        ...

    def found(self, findings: Sequence[Finding]) -> None:
        """Be told what is wrong with images, if only a little."""
        ...


class Audience(Listener, Protocol):
    """Who is told of the whole."""

    def waits(self, what: str) -> None:
        """Be told what is being done that may take a while."""
        ...

    def planned(self, rows: Sequence[Row[ImageBuild]]) -> None:
        """Be told the plan, before anything is built."""
        ...

    def done(self, row: Row[ImageBuild], destination: str) -> None:
        """Be told that an image is done, or failed, at a destination."""
        ...
