"""Kills a releaser at a chosen write: before it is carried out, or after it and before the answer.

Nothing is timed. Writes are counted where they arrive: by a proxy before the registry and the S3
server, and by hooks in the Git remote.
"""

import os
import re
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forwarding import Answer, Forward, Request

Moment = Literal["before", "after"]
Writes = Counter[tuple[Moment, str]]
"""How many writes of each kind there were, counted before they were carried out and after."""

_SECONDS = 60  # until what must happen is given up


@dataclass(frozen=True)
class Kill:
    """Where to kill: at the ``number``-th write of a kind, counted from 1."""

    moment: Moment
    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.moment} {self.kind} {self.number}"


def every_kill(writes: Writes) -> list[Kill]:
    """Return a place to be killed at for every write: before it and after it, taking turns.

    Of the first of each kind both: some kinds have one only.
    """
    return [
        Kill(moment, kind, number)
        for (moment, kind), count in sorted(writes.items())
        for number in range(1, count + 1)
        if number == 1 or (number % 2 == 1) == (moment == "before")
    ]


def some_kills(writes: Writes) -> list[Kill]:
    """Return one place of each kind and moment: among many a middle one, not the same for both."""
    return [
        Kill(moment, kind, count // 2 + 1 if moment == "before" else (count + 2) // 3)
        for (moment, kind), count in sorted(writes.items())
    ]


def table(hits: Writes) -> str:
    """Return how many kills hit each write, as a table."""
    kinds = sorted({kind for _, kind in hits})
    rows = [f"{kind:24} {hits['before', kind]:6} {hits['after', kind]:6}" for kind in kinds]
    return "\n".join([f"{'kills that hit':24} before  after", *rows])


_KINDS = (
    ("POST", r"/v2/.*/blobs/uploads/.*", "begin-of-upload"),
    ("PATCH|PUT", r"/v2/.*/blobs/uploads/.*", "upload"),
    ("PUT", r"/v2/.*/manifests/.*", "manifest"),
    ("PUT", r"/.*/\.kargo-release-probe", "probe"),
    ("PUT", r"/.*\.tgz", "archive"),
    ("PUT", r"/.*/index\.yaml", "index"),
)


def kind_of(request: Request) -> str | None:
    """Return what kind of write a request is, None for one that only reads."""
    if request.method in {"GET", "HEAD"}:
        return None
    path = request.path.partition("?")[0]
    for methods, pattern, kind in _KINDS:
        if re.fullmatch(methods, request.method) and re.fullmatch(pattern, path):
            return kind
    return f"other-{request.method}"


@dataclass
class Killer:
    """Steps between a releaser and its servers, and kills it there: a ``forwarding.Between``."""

    kill: Kill | None = None
    writes: Writes = field(default_factory=Counter)
    victim: "Future[subprocess.Popen[str]]" = field(default_factory=Future)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request, forward: Forward) -> Answer | None:
        kind = kind_of(request)
        if kind is None:
            return forward()
        if self._strikes("before", kind):
            return None
        answer = forward()
        return None if self._strikes("after", kind) else answer

    def _strikes(self, moment: Moment, kind: str) -> bool:
        with self._lock:
            self.writes[moment, kind] += 1
            number = self.writes[moment, kind]
        if Kill(moment, kind, number) != self.kill:
            return False
        process = self.victim.result(_SECONDS)
        process.kill()
        process.wait(_SECONDS)
        return True


_KIND_OF_REF = """
kind_of() {
  case "$1 $2" in
    refs/tags/*) echo tag ;;
    refs/kargo-release/*" 0000000000000000000000000000000000000000") echo end-of-claim ;;
    refs/kargo-release/*) echo claim ;;
  esac
}
strikes() {
  echo "$PPID" > receiver
  echo "$1 $2" >> writes
  [ "$KILL_AT" = "$1 $2 $(grep -cx "$1 $2" writes)" ] || return 1
  echo "$RELEASER_PID" > killed
  kill -KILL "$RELEASER_PID"
}
"""
# Of a push that was begun by a releaser that is dead, what was not yet carried out is lost.
_UPDATE = f"""#!/bin/sh
{_KIND_OF_REF}
kind=$(kind_of "$1" "$3")
[ -n "$kind" ] || exit 0
[ -z "$RELEASER_PID" ] || [ "$(cat killed 2>&-)" != "$RELEASER_PID" ] || exit 1
! strikes before "$kind"
"""
_POST_RECEIVE = f"""#!/bin/sh
{_KIND_OF_REF}
read -r _ new ref
kind=$(kind_of "$ref" "$new")
[ -z "$kind" ] || [ -e killed ] || strikes after "$kind"
cat > /dev/null
"""


@dataclass(frozen=True)
class Hooks:
    """Hooks in a bare repository that count its writes: each ref before, each push after.

    They kill the process RELEASER_PID at the write that KILL_AT names, both of its environment.
    """

    remote: Path

    def install(self) -> None:
        for name, text in {"update": _UPDATE, "post-receive": _POST_RECEIVE}.items():
            hook = self.remote / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(text)
            hook.chmod(0o755)

    @property
    def writes(self) -> Writes:
        """What was counted since ``forget``."""
        return counted(self.remote / "writes")

    def settle(self) -> None:
        """Wait for the end of the push that a dead releaser left, and take pushes again."""
        receiver = self.remote / "receiver"
        if receiver.exists():
            wait_for_end(int(receiver.read_text()))
        for name in ("killed", "receiver", "writes"):
            (self.remote / name).unlink(missing_ok=True)


def counted(path: Path) -> Writes:
    """Return the writes of a file that has a line, a moment and a kind, for each."""
    writes: Writes = Counter()
    for line in path.read_text().splitlines() if path.exists() else ():
        moment, kind = line.split(" ")
        writes["before" if moment == "before" else "after", kind] += 1
    return writes


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not ours to wait for has ended."""
    end = time.monotonic() + _SECONDS
    while _is_running(pid):
        assert time.monotonic() < end, f"process {pid} does not end"
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # Who ended but was never waited for still has its id: Linux tells it by a Z.
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
