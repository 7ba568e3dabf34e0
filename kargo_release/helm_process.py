"""A child process in which Helm works, and the talk with it: see ``helm_child.py``."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kargo_release import helm_child
from kargo_release.errors import FailedError, KargoError, RefusedError

_LONGEST_ANSWER = 128 << 20  # bytes
_LAST_BYTES = 64 << 10
_LAST_LINES = 3
# What a program needs to start, and the library of the SDK that somebody built for their system.
_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|(?:LD|DYLD)_LIBRARY_PATH|HELM_C_LIB"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA",
    re.IGNORECASE,
)


class HelmProcess:
    """A running child, and the private folder through which it gets the archives.

    Args:
        engine: ``sdk``, or the absolute path of the program ``helm``.

    Raises:
        FailedError: It could not be started.
    """

    def __init__(self, engine: str) -> None:
        self._expired_after: float | None = None
        try:
            self._folder = TemporaryDirectory(
                prefix="kargo-release-helm-", ignore_cleanup_errors=True
            )
            self._path = Path(self._folder.name)
            self._process = _start(self._path, engine)
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
            self._stdin, self._stdout = stdin, stdout
        except OSError as error:
            raise FailedError(
                f"Helm could not be started: {error.strerror}",
                "Make sure that there is room in the folder for temporary files.",
            ) from None

    def hand_over(self, chart: str, data: bytes, *, is_library: bool) -> None:
        """Let the child check a chart; its report must be taken before the next is handed over.

        Args:
            chart: Its name.
            data: Its archive.
            is_library: Whether it is only linted.

        Raises:
            FailedError: The archive could not be written for it.
        """
        archive = self._path / "chart.tgz"
        try:
            archive.unlink(missing_ok=True)
            archive.touch(mode=0o600)
            archive.write_bytes(data)
        except OSError as error:
            raise FailedError(
                f"{chart}: its archive could not be handed to Helm: {error.strerror}",
                "Make sure that there is room in the folder for temporary files.",
            ) from None
        job = {"file": archive.name, "name": chart, "library": is_library}
        with suppress(BrokenPipeError):  # it has ended, which its report tells
            self._stdin.write(json.dumps(job).encode() + b"\n")
            self._stdin.flush()

    def report(self, chart: str) -> Any:
        """Wait for the report on the chart that was handed over (see ``helm_child.py``).

        Raises:
            FailedError: Helm crashed, or was ended.
            RefusedError: The SDK is installed but cannot be used on this system.
        """
        answer = self._stdout.readline(_LONGEST_ANSWER)
        if not answer.endswith(b"\n"):
            raise self._failure(chart)
        return json.loads(answer)

    def expire(self, limit: float) -> None:
        """End the child because it took longer than ``limit`` seconds."""
        self._expired_after = limit
        self._kill()

    def close(self) -> None:
        """End the child, at once, with all it started."""
        self._kill()
        self._process.communicate()
        self._folder.cleanup()

    def _kill(self) -> None:
        if self._process.poll() is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _failure(self, chart: str) -> KargoError:
        if self._expired_after is not None:
            return FailedError(
                f"{chart}: Helm did not finish within {self._expired_after:g} s and was ended",
                "Look in its templates for a loop that does not end.",
            )
        self._process.wait()
        said = self._last_words()
        if self._process.returncode == helm_child.NO_SDK:
            return RefusedError(
                f"the Helm SDK cannot be used on this system: {said}",
                "Install the program helm, and set `helm: path`.",
            )
        return FailedError(
            f"{chart}: Helm crashed: {said}",
            "Look in its templates for what needs so much, or set `helm: path` to try helm itself.",
        )

    def _last_words(self) -> str:
        """Return what the child said last, or how Go names the crash that ended it."""
        with (self._path / "stderr").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
            text = file.read().decode(errors="replace").strip()
        if crash := helm_child.GO_CRASH.search(text):
            return crash[0]
        return "; ".join(text.splitlines()[-_LAST_LINES:]) or f"exit {self._process.returncode}"


def _start(folder: Path, engine: str) -> subprocess.Popen[bytes]:
    """Start the child in a session of its own, where a terminal's Ctrl-C does not reach it."""
    with (folder / "stderr").open("ab") as stderr:
        return subprocess.Popen(  # noqa: S603 - an argument list, without a shell
            [sys.executable, "-P", helm_child.__file__, str(folder), engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )


def _environment(folder: Path) -> dict[str, str]:
    """Return of our environment what a program needs, for Helm is to reach nobody.

    No plugins, no settings, and none of the secrets by which others are reached.
    """
    ours = {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
    homes = ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")
    return ours | dict.fromkeys((*homes, "TMPDIR"), str(folder)) | _GO


# Of a crash of Go's, the first line is what a person can use. A chart's garbage is small beside
# the memory that the child may have: it is looked for less often, but for what comes near to that.
_GO = {"GOTRACEBACK": "none", "GOGC": "400", "GOMEMLIMIT": "1GiB"}
