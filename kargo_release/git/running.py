"""Runs Git, and ends it where it does not answer in time."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kargo_release.git.scratch import temporary_file

if TYPE_CHECKING:
    import git

_GRACE = 5  # seconds that a Git asked to end has for it
_SETTINGS = ("-c", "core.quotePath=false", "-c", "core.safecrlf=false", "-c", "gc.auto=0")

# Git's words are read here, so they must be English; a prompt would wait for nobody.
_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",  # a folder's name may hold what would be a pattern
}


def execute(
    commands: "git.Git",
    arguments: Sequence[str],
    *,
    stdin: bytes,
    environment: Mapping[str, str],
    limit: float | None,
) -> tuple[int, bytes, str]:
    """Run Git; return its exit status, output and what it said on the side.

    Args:
        commands: What starts it, in the folder where it is to run.
        arguments: What follows ``git``.
        stdin: What it reads.
        environment: Variables beside the process's own.
        limit: Seconds after which it is stopped; None for none.

    Raises:
        FailedError: What it reads can't be put into a temporary file.
    """
    with temporary_file(stdin) as source:
        process: Any = commands.execute(
            ["git", *_SETTINGS, *arguments],
            istream=source,
            as_process=True,
            env={**_ENVIRONMENT, **environment},
        )
    return _ended(process, limit)


def _ended(process: Any, limit: float | None) -> tuple[int, bytes, str]:
    """Wait for Git. GitPython's own limit is a timer that outlives an interrupt, and then waits."""
    try:
        output, said = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        _stop(process)
        return -1, b"", f"fatal: no answer within {limit:g} seconds"
    except BaseException:
        _stop(process)
        raise
    return process.returncode, output, said.decode(errors="replace")


def _stop(process: Any) -> None:
    """End Git, by force where it does not obey; it stops its own children when it is asked to.

    What those leave behind may hold Git's output open: nobody waits for the end of that.
    """
    started: subprocess.Popen[bytes] = process.proc
    started.terminate()
    try:
        started.wait(_GRACE)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def last_words(said: str) -> str:
    """Return the telling end of what Git said on the side."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return " / ".join((telling or lines)[-2:]) or "it said nothing"
