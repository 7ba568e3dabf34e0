"""Stops, on an interrupt, what several threads are at."""

import threading
from collections.abc import Sequence

from kargo_release.errors import InterruptError
from kargo_release.findings import Finding
from kargo_release.images.audience import Listener
from kargo_release.images.desired import ImageBuild


class Halting:
    """Passes on what is told, until somebody interrupts: then it stops whoever tells something."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._halted = threading.Event()

    def halt(self) -> None:
        """Stop what is being built."""
        self._halted.set()

    def pulse(self) -> None:
        """Do nothing, unless it was interrupted.

        Raises:
            InterruptError: It was.
        """
        if self._halted.is_set():
            raise InterruptError("interrupted", "Run the same command again.")

    def step(self, build: ImageBuild, what: str) -> None:
        """Pass on what begins, unless it was interrupted."""
        self.pulse()
        self._listener.step(build, what)

    def line(self, build: ImageBuild, line: str) -> None:
        """Pass a line on, unless it was interrupted."""
        self.pulse()
        self._listener.line(build, line)

    def found(self, findings: Sequence[Finding]) -> None:
        """Pass on what is wrong."""
        self._listener.found(findings)
