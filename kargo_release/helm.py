"""The real Helm: strict lint and rendering of packaged charts, in child processes.

The SDK (``helm-python-sdk``) cannot be interrupted and has no time limit of its own, so it runs
in children that can be killed; the program ``helm`` is run by the same children, for the same
limits. See ``helm_process.py`` for a child, and ``helm_child.py`` for what runs in it.
"""

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from kargo_release.errors import FailedError, RefusedError
from kargo_release.helm_process import HelmProcess

TIME_LIMIT = 60.0
"""Seconds that Helm may take for one chart; it needs a fraction of one."""

_CHILDREN = 2  # each works on one core, and takes memory for a Helm of its own

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
        limit: Seconds that a chart may take.
    """

    def __init__(self, engine: str, limit: float = TIME_LIMIT) -> None:
        self.engine = engine
        self._limit = limit
        self._children: list[HelmProcess] = []

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

    def check(self, charts: Sequence[PackedChart]) -> list[HelmReport | FailedError]:
        """Lint each archive strictly and render it, as a release of its name in ``default``.

        Returns:
            For each chart, in their order, a report; or why there is none: Helm crashed on it, or
            took longer than the limit.

        Raises:
            FailedError: A child could not be started.
            RefusedError: The SDK is installed but cannot be used on this system.
        """
        try:
            turns = (charts[at : at + _CHILDREN] for at in range(0, len(charts), _CHILDREN))
            return [answer for turn in turns for answer in self._turn(turn)]
        except BaseException:
            self.close()
            raise

    def _turn(self, charts: Sequence[PackedChart]) -> list[HelmReport | FailedError]:
        """Let each child check one chart, all at once."""
        work = list(zip(self._started(len(charts)), charts, strict=False))
        timer = threading.Timer(self._limit, self._expire)
        timer.daemon = True
        timer.start()
        try:
            unheard = [_unheard(child, chart) for child, chart in work]
            answers = [error or _heard(*each) for error, each in zip(unheard, work, strict=True)]
        finally:
            timer.cancel()
        if any(isinstance(answer, FailedError) for answer in answers):
            self.close()  # the next turn has children of its own
        return answers

    def close(self) -> None:
        """End the children, at once, with all they started. ``check`` would start new ones."""
        while self._children:
            self._children.pop().close()

    def _started(self, number: int) -> "list[HelmProcess]":
        while len(self._children) < number:
            self._children.append(HelmProcess(self.engine))
        return self._children

    def _expire(self) -> None:
        for child in self._children:
            child.expire(self._limit)


def _unheard(child: HelmProcess, chart: PackedChart) -> FailedError | None:
    """Hand a chart over; return why that failed."""
    try:
        child.hand_over(chart.name, chart.data, is_library=chart.is_library)
    except FailedError as error:
        return error
    return None


def _heard(child: HelmProcess, chart: PackedChart) -> HelmReport | FailedError:
    try:
        return _report(chart.name, child.report(chart.name))
    except FailedError as error:
        return error


def _report(name: str, answer: Mapping[str, Any]) -> HelmReport:
    return HelmReport(
        name=name,
        messages=tuple(HelmMessage(*message) for message in answer["messages"]),
        manifests=answer["manifests"],
        error=answer["error"],
    )
