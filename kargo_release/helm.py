"""The real Helm: strict lint and rendering of packaged charts, in child processes.

The SDK (``helm-python-sdk``) cannot be interrupted and has no time limit of its own, so it runs
in children that can be killed; the program ``helm`` is run by the same children, for the same
limits. See ``helm_child.py`` for the other side.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

from kargo_release import helm_child
from kargo_release.errors import FailedError, KargoError, RefusedError

TIME_LIMIT = 120.0
"""Seconds that one call of ``Helm.check`` may take, for all its charts."""

_CHILDREN = 2  # each works on one core, and takes memory for a Helm of its own
_LONGEST_ANSWER = 128 << 20
_LAST_BYTES = 64 << 10
_LAST_LINES = 3

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class PackedChart:
    """A chart's archive, to be checked by Helm."""

    name: str
    data: bytes
    is_library: bool


@dataclass(frozen=True)
class HelmMessage:
    """What Helm's lint says of a file of the chart; ``path`` is empty when it is of no file."""

    severity: Severity
    path: str
    text: str


@dataclass(frozen=True)
class HelmReport:
    """What Helm finds in one chart.

    ``messages`` begin with the worst. ``manifests`` maps a template's path to what it renders
    (without NOTES.txt and blank ones); None for a library chart, which Helm does not render, and
    when rendering failed, which ``error`` then tells.
    """

    name: str
    messages: tuple[HelmMessage, ...]
    manifests: Mapping[str, str] | None
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether ``helm lint --strict`` and rendering both pass: no error and no warning."""
        return self.error is None and all(each.severity == "info" for each in self.messages)


def find_helm(choice: Literal["sdk", "path"]) -> "Helm":
    """Return the Helm that the setting ``helm`` asks for.

    Args:
        choice: ``sdk``: the SDK, or else the program on PATH; ``path``: the program on PATH.

    Raises:
        RefusedError: There is no such Helm.
    """
    if choice == "sdk" and find_spec("helm_python"):
        return Helm("sdk")
    if program := shutil.which("helm"):
        return Helm(str(Path(program).absolute()))
    if choice == "sdk":
        raise RefusedError(
            "no Helm was found: neither the Helm SDK nor the program helm",
            "Run pip install 'kargo-release[helm]', or install helm and put it on PATH.",
        )
    raise RefusedError(
        "the program helm was not found on PATH",
        "Install helm, or set `helm: sdk` and run pip install 'kargo-release[helm]'.",
    )


class Helm:
    """Checks charts in child processes that are started once and serve all of them.

    Args:
        engine: ``sdk``, or the absolute path of the program ``helm``.
        limit: Seconds that one call of ``check`` may take, for all its charts.
    """

    def __init__(self, engine: str, limit: float = TIME_LIMIT) -> None:
        self._engine = engine
        self._limit = limit
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start a child now, so that it loads Helm while the caller does other things.

        Raises:
            FailedError: The child could not be started.
        """
        self._started(1)

    def check(self, charts: Sequence[PackedChart]) -> list[HelmReport]:
        """Lint each archive strictly and render it, as a release of its name in ``default``.

        Returns:
            A report for each chart, in their order.

        Raises:
            FailedError: Helm crashed, or took longer than the limit.
            RefusedError: The SDK is installed but cannot be used on this system.
        """
        children = self._started(min(_CHILDREN, len(charts)))
        timer = threading.Timer(self._limit, self._expire)
        timer.daemon = True
        timer.start()
        try:
            turns = (charts[at : at + _CHILDREN] for at in range(0, len(charts), _CHILDREN))
            return [report for turn in turns for report in _at_once(children, turn)]
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the children, at once, with all they started. ``check`` would start new ones."""
        while self._children:
            self._children.pop().close()

    def _started(self, number: int) -> "list[_Child]":
        while len(self._children) < number:
            self._children.append(_Child(self._engine))
        return self._children

    def _expire(self) -> None:
        for child in self._children:
            child.expire(self._limit)


class _Child:
    """A running child, and the private folder through which it gets the archives."""

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

    def hand_over(self, chart: PackedChart) -> None:
        """Let the child check a chart; its report must be taken before the next is handed over."""
        archive = self._path / "chart.tgz"
        try:
            archive.unlink(missing_ok=True)
            archive.touch(mode=0o600)
            archive.write_bytes(chart.data)
        except OSError as error:
            raise FailedError(
                f"{chart.name}: its archive could not be handed to Helm: {error.strerror}",
                "Make sure that there is room in the folder for temporary files.",
            ) from None
        job = {"file": archive.name, "name": chart.name, "library": chart.is_library}
        with suppress(BrokenPipeError):  # it has ended, which its report tells
            self._stdin.write(json.dumps(job).encode() + b"\n")
            self._stdin.flush()

    def report(self, chart: PackedChart) -> HelmReport:
        """Wait for the report of the chart that was handed over, and return it."""
        answer = self._stdout.readline(_LONGEST_ANSWER)
        if not answer.endswith(b"\n"):
            raise self._failure(chart.name)
        return _report(chart.name, json.loads(answer))

    def expire(self, limit: float) -> None:
        """End the child because it took longer than ``limit`` seconds."""
        self._expired_after = limit
        self._kill()

    def close(self) -> None:
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


def _at_once(children: Sequence[_Child], charts: Sequence[PackedChart]) -> list[HelmReport]:
    work = list(zip(children, charts, strict=False))
    for child, chart in work:
        child.hand_over(chart)
    return [child.report(chart) for child, chart in work]


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
    """Return our environment without the user's Helm in it, and without what it has no use for.

    No plugins, no settings, and none of the secrets that registry and bucket are reached with.
    ``HELM_C_LIB`` stays: it names a library of the SDK that somebody built for their system.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HELM_", "KARGO_RELEASE_", "AWS_")) or name == "HELM_C_LIB"
    }
    homes = ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")
    return ours | dict.fromkeys((*homes, "TMPDIR"), str(folder)) | _GO


# Of a crash of Go's, the first line is what a person can use. A chart's garbage is small beside
# the memory that the child may have: it is looked for less often, but for what comes near to that.
_GO = {"GOTRACEBACK": "none", "GOGC": "400", "GOMEMLIMIT": "1GiB"}


def _report(name: str, answer: Mapping[str, Any]) -> HelmReport:
    return HelmReport(
        name=name,
        messages=tuple(HelmMessage(*message) for message in answer["messages"]),
        manifests=answer["manifests"],
        error=answer["error"],
    )
