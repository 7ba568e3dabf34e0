"""Runs ``kargo-release`` and kills it at a chosen write to the disk: no real disk shows that.

Usage: ``python dying.py WORD...``, the words those of the program. The environment says where to
kill, KILL_AT as ``kills.Kill`` is written, and to which file each write is added, WRITES.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kargo_release import program

# Calls that change what is on the disk, each with the position of the path that is written.
CALLS = {"link": 1, "replace": 1, "fsync": None}


class Death:
    """Counts writes, and ends the process at the chosen one."""

    def __init__(self, kill: str, writes: Path) -> None:
        self._kill = kill
        self._writes = writes
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def around(self, call: Callable[..., Any], name: str, position: int | None) -> Any:
        def deadly(*arguments: Any, **options: Any) -> Any:
            what = "" if position is None else f"-of-{kind_of(Path(arguments[position]))}"
            self._pass(f"before {name}{what}")
            result = call(*arguments, **options)
            self._pass(f"after {name}{what}")
            return result

        return deadly

    def _pass(self, where: str) -> None:
        with self._lock:
            self._counts[where] += 1
            with self._writes.open("a") as file:
                file.write(f"{where}\n")
            if f"{where} {self._counts[where]}" == self._kill:
                os.kill(os.getpid(), signal.SIGKILL)


def kind_of(path: Path) -> str:
    """Return what a file of a layout or of the backup is."""
    if path.parent.name == "sha256":
        return "blob"
    return "archive" if path.suffix == ".tgz" else path.name


def main() -> None:
    """Run the program, mortal."""
    death = Death(os.environ["KILL_AT"], Path(os.environ["WRITES"]))
    for name, position in CALLS.items():
        setattr(os, name, death.around(getattr(os, name), name, position))
    os.environ["RELEASER_PID"] = str(os.getpid())
    sys.argv = ["kargo-release", *sys.argv[1:]]
    program.main()


if __name__ == "__main__":
    main()
