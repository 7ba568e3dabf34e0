"""What doctor says, by the name of each check."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox import Ended, Sandbox

from kargo_release.charts.doctor.check import Check
from kargo_release.charts.project import Project


@dataclass(frozen=True)
class Told:
    """How one thing stands."""

    state: str
    message: str
    remedy: str


def told(ended: Ended) -> dict[str, Told]:
    """Return what a run with ``--json`` told."""
    return {
        each["check"]: Told(each["state"], each["message"], each["remedy"])
        for each in ended.document["checks"]
    }


def ask(
    look: Callable[[Project], Sequence[Check]],
    sandbox: Sandbox,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Told]:
    """Return what one part of doctor tells of a sandbox."""
    project = Project.open(sandbox.path, {**os.environ, **sandbox.environ, **(environ or {})})
    return {each.name: Told(each.state, each.message, each.remedy) for each in look(project)}
