"""Starts programs: argument lists, a time limit, and what they said when they failed."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kargo_release.errors import FailedError, RefusedError

_LAST_LINES = 5
_LONGEST = 1000


class ProgramError(FailedError):
    """A program ended with a failure.

    Args:
        message: What happened, in one line.
        output: What the program wrote to its standard output; not part of the message, for it
            may be a document or hold a secret.
    """

    def __init__(self, message: str, output: bytes = b"") -> None:
        super().__init__(message)
        self.output = output


def run(
    arguments: Sequence[str],
    *,
    input: bytes = b"",  # noqa: A002 - the name that subprocess gives it
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program to its end, never through a shell, and return its standard output.

    Args:
        arguments: The program and its arguments.
        input: What it reads from standard input.
        timeout: Seconds after which it is killed.
        cwd: The folder it runs in; ours when None.
        env: Its whole environment, PATH included; ours when None.

    Raises:
        RefusedError: There is no such program.
        ProgramError: It failed, or took longer than ``timeout``.
    """
    program = Path(arguments[0]).name
    try:
        ended = subprocess.run(  # noqa: S603 - an argument list, without a shell
            arguments, input=input, capture_output=True, timeout=timeout, cwd=cwd, env=env,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise RefusedError(
            f"the program {program} was not found", "Install it, or put its folder on PATH."
        ) from None
    except OSError as error:
        raise ProgramError(f"{program} could not be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ProgramError(f"{program} did not end within {timeout:g} s and was killed") from None
    if ended.returncode:
        raise ProgramError(_failure(program, ended.returncode, ended.stderr), ended.stdout)
    return ended.stdout


def _failure(program: str, status: int, stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    how = f"was killed by signal {-status}" if status < 0 else f"failed with exit code {status}"
    said = "; ".join(line.strip() for line in lines)[-_LONGEST:]
    return f"{program} {how}" + (f": {said}" if said else "")
