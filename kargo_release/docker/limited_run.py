"""Runs a program line by line, and ends it with all that it started when it takes too long."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from kargo_release.docker.order import Log, Pulse, TimeLimits
from kargo_release.docker.polling import TICK
from kargo_release.errors import RefusedError

_GRACE = 20.0  # seconds between asking a program to end and ending it
_BLOCK = 1 << 16


class LimitedRun:
    """One run of a program, ended with all that it started when it hangs.

    Args:
        words: The program and its arguments.
        environ: Its environment.
        stdin: What it reads; None for nothing.
        limits: When it counts as hanging.
        log: Takes each line that it writes, on either stream.
        pulse: Is called several times a second; what it raises ends the program.

    Attributes:
        hung: How it hung; empty when it did not.
    """

    def __init__(
        self,
        words: list[str],
        environ: Mapping[str, str],
        stdin: IO[bytes] | None,
        limits: TimeLimits,
        log: Log,
        pulse: Pulse,
    ) -> None:
        self._words, self._environ, self._stdin = words, environ, stdin
        self._limits, self._log, self._pulse = limits, log, pulse
        self.hung = ""

    def to_its_end(self) -> int:
        """Return its exit code, below zero for the signal that ended it.

        Raises:
            RefusedError: The program is not there.
        """
        with self._started() as process:
            rest = b""
            for block in self._blocks(process):
                *lines, rest = (rest + block).split(b"\n")
                self._tell(lines)
            self._tell([rest])
            if not self.hung:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE)
        return process.returncode

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._log(text)

    def _blocks(self, process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
        """Yield what it writes, until it has ended or hangs.

        What it started may outlive it, and keep its pipe open: that is not waited for.
        """
        assert process.stdout is not None  # noqa: S101 - a pipe
        heard = begun = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not self.hung:
                self._pulse()
                has_ended = process.poll() is not None
                if selector.select(TICK):
                    block = os.read(process.stdout.fileno(), _BLOCK)
                    if not block:
                        return
                    heard = time.monotonic()
                    yield block
                elif has_ended:
                    return
                self.hung = self._how_it_hangs(time.monotonic(), heard, begun)

    def _how_it_hangs(self, now: float, heard: float, begun: float) -> str:
        if now - heard > self._limits.silence:
            return f"the build said nothing for {self._limits.silence:g} s and was ended"
        if now - begun > self._limits.total:
            return f"the build took over {self._limits.total:g} s and was ended"
        return ""

    @contextmanager
    def _started(self) -> "Iterator[subprocess.Popen[bytes]]":
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list, without a shell
                self._words,
                env=dict(self._environ),
                stdin=self._stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C comes to us, who end it
            )
        except OSError as error:
            raise RefusedError(
                f"{self._words[0]} could not be started: {error.strerror}",
                f"Install {self._words[0]}; doctor tells what is missing.",
            ) from None
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that still runs, with all that it started."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        _signal(process, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
