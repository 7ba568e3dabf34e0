"""What everybody on the machine sees of a release's processes, and what their environments hold."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from forwarding import Answer, Forward, Request

_PROC = Path("/proc")


@dataclass
class ProcessList:
    """Notes the processes that bear a mark in their environment, whenever it is told to look.

    ``environments`` gives what each command line was started with.
    """

    mark: str
    environments: dict[str, str] = field(default_factory=dict)

    def __call__(self, _: Request, forward: Forward) -> Answer:
        self.look()
        return forward()

    def look(self) -> None:
        """Look at all processes once."""
        for folder in _PROC.glob("[0-9]*"):
            try:
                environment = _text(folder / "environ")
                arguments = _text(folder / "cmdline")
            except OSError:  # it has ended, or is somebody else's
                continue
            if self.mark in environment:
                self.environments[arguments] = environment

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look again and again meanwhile."""
        ended = threading.Event()

        def loop() -> None:
            while not ended.wait(0.005):
                self.look()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _text(file: Path) -> str:
    return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
