"""Runs a program line by line, and ends it with all that it started when it takes too long."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from kargo_release.docker.order import Log, TimeLimits
from kargo_release.errors import RefusedError

_GRACE = 20.0  # seconds between asking a program to end and ending it


class LimitedRun:
    """One run of a program, ended with all that it started when it hangs.

    Args:
        words: The program and its arguments.
        environ: Its environment.
        stdin: What it reads; None for nothing.
        limits: When it counts as hanging.
        log: Takes each line that it writes, on either stream.


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
    ) -> None:
        self._words, self._environ, self._stdin = words, environ, stdin
        self._limits, self._log = limits, log
        self.hung = ""

    def to_its_end(self) -> int:
        """Return its exit code.

        Raises:
            RefusedError: The program is not there.
        """
        with self._started() as process, self._watched(process) as heard:
            assert process.stdout is not None  # noqa: S101 - a pipe
            for line in process.stdout:
                heard.set()
                if text := line.decode(errors="replace").rstrip():
                    self._log(text)
            return process.wait()

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

    @contextmanager
    def _watched(self, process: "subprocess.Popen[bytes]") -> Iterator[threading.Event]:
        """Give what is set at each word of the process; it is ended when that does not happen."""
        heard, over = threading.Event(), threading.Event()

        def watch() -> None:
            while heard.wait(self._limits.silence):
                heard.clear()
                if over.is_set():
                    return
            self.hung = f"the build said nothing for {self._limits.silence:g} s and was ended"
            _end(process)

        def expire() -> None:
            self.hung = f"the build took over {self._limits.total:g} s and was ended"
            _end(process)

        timer = threading.Timer(self._limits.total, expire)
        timer.daemon = True
        timer.start()
        threading.Thread(target=watch, daemon=True).start()
        try:
            yield heard
        finally:
            timer.cancel()
            over.set()
            heard.set()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        with suppress(OSError):
            process.stdout.close()
