"""What each instruction must look like, beyond its keyword.

Source: moby/buildkit ``frontend/dockerfile/instructions/parse.go``, and what Docker's engine says
of each (20.10, by its own builder).
"""

from collections.abc import Callable, Mapping

from kargo_release.images.dockerfile import Instruction
from kargo_release.images.dockerfile_words import is_json_list

NEEDS = {
    "ADD": 2, "ARG": 1, "CMD": 0, "COPY": 2, "ENTRYPOINT": 0, "ENV": 1, "EXPOSE": 1, "FROM": 1,
    "HEALTHCHECK": 1, "LABEL": 1, "MAINTAINER": 1, "ONBUILD": 1, "RUN": 1, "SHELL": 1,
    "STOPSIGNAL": 1, "USER": 1, "VOLUME": 1, "WORKDIR": 1,
}  # fmt: skip
"""All instructions, and how many words each needs at least."""

_WITH_JSON = ("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME")

Fault = tuple[str, str] | None
"""What is wrong, and what to do about it."""


def fault_in(instruction: Instruction) -> Fault:
    """Return why no builder takes an instruction; None where its form is right."""
    keyword = instruction.keyword
    if len(instruction.words) < NEEDS[keyword]:
        return (
            f"{keyword} needs {NEEDS[keyword]} or more arguments",
            "Give them, or remove the line.",
        )
    if keyword in _WITH_JSON and instruction.json is None and is_json_list(instruction.text):
        return (
            f"the list of {keyword} holds what is no text",
            'Put each word into quotes: ["a", "1"].',
        )
    check = _CHECKS.get(keyword)
    return check(instruction) if check else None


def _pairs(instruction: Instruction) -> Fault:
    for name, value in instruction.pairs:
        if not name:
            return f"{instruction.keyword} has a value without a name", "Write NAME=VALUE."
        if value is None and instruction.keyword != "ARG":
            return f"{instruction.keyword} {name[:40]} has no value", "Write NAME=VALUE."
    return None


def _shell(instruction: Instruction) -> Fault:
    if instruction.json:
        return None
    return "SHELL is no list", 'Write it as a JSON list: SHELL ["/bin/bash", "-c"].'


def _healthcheck(instruction: Instruction) -> Fault:
    kind, *rest = (each.upper() for each in instruction.words)
    if (kind == "NONE" and not rest) or (kind == "CMD" and rest):
        return None
    return "HEALTHCHECK is neither CMD with a command nor NONE", "Write HEALTHCHECK CMD COMMAND."


_CHECKS: Mapping[str, Callable[[Instruction], Fault]] = {
    "ARG": _pairs,
    "ENV": _pairs,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "SHELL": _shell,
}
