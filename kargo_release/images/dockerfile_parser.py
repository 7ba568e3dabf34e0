"""From a Dockerfile's bytes to stages and instructions.

Source: "Dockerfile reference" (docs.docker.com/reference/dockerfile), and where it is silent
moby/buildkit ``frontend/dockerfile/instructions/parse.go``.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from kargo_release.errors import hint
from kargo_release.images.dockerfile import (
    AUTOMATIC,
    Dockerfile,
    Instruction,
    Stage,
    parse_reference,
    stage_called,
)
from kargo_release.images.dockerfile_forms import NEEDS, fault_in
from kargo_release.images.dockerfile_lines import (
    DockerfileError,
    Statement,
    split_keyword,
    split_lines,
)
from kargo_release.images.dockerfile_variables import Expanded, ExpansionError, expand
from kargo_release.images.dockerfile_words import json_words, split_flags

VARIABLES_LIMIT = 2000
"""How many variables ARG and ENV may set in a Dockerfile, each counted as often as it is set."""

_NOT_TRIGGERED = ("ONBUILD", "FROM", "MAINTAINER")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9._-]*")


def parse_dockerfile(
    data: bytes, file: str, arguments: Mapping[str, str] | None = None
) -> Dockerfile:
    """Return what a Dockerfile says.

    Args:
        data: The file's bytes.
        file: Its name, for messages.
        arguments: Build arguments, which come before the file's defaults.

    Raises:
        DockerfileError: No builder would take it; the message holds file and line.
    """
    return _Parser(file, arguments or {}).parse(data)


class _Parser:
    def __init__(self, file: str, arguments: Mapping[str, str]) -> None:
        self._file = file
        self._arguments = arguments
        self._values = {name: arguments[name] for name in AUTOMATIC if name in arguments}
        self._before: list[Instruction] = []
        self._stages: list[Stage] = []
        self._followers: list[list[Instruction]] = []
        self._escape = "\\"
        self._variables = 0

    def parse(self, data: bytes) -> Dockerfile:
        lines = split_lines(data, self._file)
        self._escape = lines.escape
        for statement in lines.statements:
            self._take(self._instruction(statement, statement.text))
        if not self._stages:
            last = lines.statements[-1].line
            raise self._fault(last, "there is no FROM", "Begin the first stage with FROM.")
        stages = tuple(
            replace(stage, instructions=tuple(rest))
            for stage, rest in zip(self._stages, self._followers, strict=True)
        )
        before = tuple(self._before)
        return Dockerfile(
            self._file, lines.directives, before, self._values, lines.comments, stages
        )

    def _take(self, instruction: Instruction) -> None:
        """Put an instruction where it belongs."""
        self._count(instruction)
        if instruction.keyword == "FROM":
            self._stages.append(self._stage(instruction))
            self._followers.append([])
        elif self._followers:
            self._followers[-1].append(instruction)
        else:
            self._before_stages(instruction)
            self._before.append(instruction)

    def _count(self, instruction: Instruction) -> None:
        if instruction.keyword in ("ARG", "ENV"):
            self._variables += len(instruction.pairs)
        if self._variables > VARIABLES_LIMIT:
            what = f"more than {VARIABLES_LIMIT} variables are set"
            raise self._fault(instruction.line, what, "Set fewer.")

    def _instruction(self, statement: Statement, text: str) -> Instruction:
        keyword, rest = split_keyword(text)
        self._check_keyword(keyword, statement.line)
        flags, rest = split_flags(rest)
        instruction = Instruction(
            keyword, flags, rest, json_words(rest), statement.heredocs,
            statement.line, statement.end_line, statement.column,
        )  # fmt: skip
        if found := fault_in(instruction):
            raise self._fault(statement.line, *found)
        if keyword == "ONBUILD":
            return replace(instruction, trigger=self._trigger(statement, rest))
        return instruction

    def _check_keyword(self, keyword: str, line: int) -> None:
        if keyword not in NEEDS:
            shown = f"unknown instruction {keyword[:40]!r}"
            remedy = hint(keyword[:40], NEEDS) or "Write an instruction, or continue the line."
            raise self._fault(line, shown, remedy)

    def _trigger(self, statement: Statement, text: str) -> Instruction:
        keyword, _ = split_keyword(text)
        if keyword in _NOT_TRIGGERED:
            what = f"ONBUILD can't trigger {keyword}"
            raise self._fault(statement.line, what, "Trigger another instruction.")
        return self._instruction(statement, text)

    def _before_stages(self, instruction: Instruction) -> None:
        """Take in an ARG before the first FROM, the only thing that may stand there."""
        if instruction.keyword != "ARG":
            what = f"{instruction.keyword} stands before the first FROM"
            raise self._fault(instruction.line, what, "Put it behind a FROM.")
        for name, value in instruction.pairs:
            if name in self._arguments:
                self._values[name] = self._arguments[name]
            elif value is not None:
                self._values[name] = self._expand(value, instruction.line).text

    def _stage(self, start: Instruction) -> Stage:
        name = self._stage_name(start)
        base = self._expand(start.words[0] if start.json is None else "", start.line)
        if base.unset & AUTOMATIC:  # the builder sets them
            base = replace(base, is_sure=False)
        parent = stage_called(base.text, self._stages, by_number=False)
        if base.is_sure and parent is None and parse_reference(base.text) is None:
            unset = "".join(f"; {each} has no value" for each in sorted(base.unset))
            what = f"{base.text[:80]!r} is no image's name{unset}"
            remedy = "Give the argument a default: ARG NAME=VALUE." if unset else "Correct it."
            raise self._fault(start.line, what, remedy)
        return Stage(len(self._stages), name, start, base, parent.index if parent else None)

    def _stage_name(self, start: Instruction) -> str:
        given = start.words
        if len(given) == 1:
            return ""
        name = given[-1].lower()
        if len(given) != len(("image", "AS", "name")) or given[1].upper() != "AS":
            remedy = "Write FROM IMAGE, or FROM IMAGE AS NAME."
            raise self._fault(start.line, "FROM takes one word, or three", remedy)
        if not _STAGE_NAME.fullmatch(name):
            remedy = "Begin it with a letter; then letters, digits and . _ - may follow."
            raise self._fault(start.line, f"{name[:40]!r} can't be a stage's name", remedy)
        return name

    def _expand(self, text: str, line: int) -> Expanded:
        try:
            return expand(text, self._values, self._escape)
        except ExpansionError as error:
            raise self._fault(line, error.message, error.remedy) from None

    def _fault(self, line: int, what: str, remedy: str) -> DockerfileError:
        return DockerfileError(self._file, line, what, remedy)
