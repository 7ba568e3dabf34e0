"""Rules on how the program is started and reached."""

import re
from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.dockerfile import Instruction
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.steps import Step

LOW_PORT = Rule(
    "KR070",
    Severity.ERROR,
    "a port below 1024 is exposed",
    "An unprivileged user may not open it in many clusters, so that the program does not start.",
    "Let the program listen on a port from 1024 up; a service maps any port to it.",
)
SHELL_FORM = Rule(
    "KR071",
    Severity.WARNING,
    "CMD or ENTRYPOINT is in the shell form",
    "A shell then is process 1; signals end with it, so that the program is killed, not stopped.",
    'Write it as a JSON list: CMD ["program", "argument"]',
)

_LOWEST = 1024
_PORT = re.compile(r"(\d{1,5})(?:-\d{1,5})?(?:/\w+)?")
# docker.com reference/dockerfile, "Shell form ENTRYPOINT example": exec puts the program in place.
_EXEC = re.compile(r"exec\s")


def _low_port(recipe: Recipe) -> Iterator[Spot]:
    for step in recipe.final_steps:
        if step.instruction.keyword == "EXPOSE":
            for word in _ports(step):
                port = _PORT.fullmatch(word)
                if port and int(port[1]) < _LOWEST:
                    yield Spot(step.instruction, f"port {port[1]} is below {_LOWEST}")


def _ports(step: Step) -> list[str]:
    """Return the words of an EXPOSE, but those that can't be told."""
    if step.is_sure:
        return step.text.split()
    return [word for word in step.instruction.words if "$" not in word]


def _shell_form(recipe: Recipe) -> Iterator[Spot]:
    for instruction in _starts(recipe):
        is_shell = instruction.json is None and not _EXEC.match(instruction.text)
        if is_shell and instruction.text:
            hint = ", for the list is not JSON" if instruction.text.startswith("[") else ""
            yield Spot(instruction, f"{instruction.keyword} is in the shell form{hint}")


def _starts(recipe: Recipe) -> Iterator[Instruction]:
    """Return the CMD and ENTRYPOINT that count, and those that images based on this one take over.

    Of each the last one counts, and no CMD of a stage that this one begins with, where it has an
    ENTRYPOINT ("Dockerfile reference", Understand how CMD and ENTRYPOINT interact).
    """
    last: dict[tuple[str, bool], Step] = {}
    for step in recipe.final_steps:
        keyword = step.instruction.keyword
        if keyword in ("CMD", "ENTRYPOINT"):
            last[keyword, step.is_trigger] = step
        command = last.get(("CMD", step.is_trigger))
        if keyword == "ENTRYPOINT" and command and command.stage != step.stage:
            del last["CMD", step.is_trigger]
    return (each.instruction for each in last.values())


CHECKS = (Check(LOW_PORT, _low_port), Check(SHELL_FORM, _shell_form))
