"""The instructions of a Dockerfile, carried out: what each finds, and what it does."""

import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kargo_release.images.dockerfile import Dockerfile, Instruction, Stage
from kargo_release.images.dockerfile_lines import DockerfileError
from kargo_release.images.dockerfile_variables import Expanded, ExpansionError, expand
from kargo_release.images.shell import Command, exec_commands, runs_shell, script_commands

_NO_TEXT = Expanded("")
_ONLY_HEREDOC = re.compile(r"\d*<<-?[ \t]*[^\s<]+")
_EXPANDED = ("USER", "EXPOSE", "ADD", "COPY")


@dataclass(frozen=True)
class Step:
    """One instruction, carried out.

    Attributes:
        stage: The index of its stage.
        instruction: Of ONBUILD, what it triggers.
        is_trigger: Whether it is carried out only in images based on this one.
        text: Of USER and EXPOSE the arguments with their variables replaced, of ADD and COPY one
            in each line; else empty.
        is_sure: Whether that is what Docker reads; not where a base that nobody knows may set one.
        environment: What ENV has set when it is carried out.
        commands: Of RUN: what it starts, as far as the shell can be read.
    """

    stage: int
    instruction: Instruction
    is_trigger: bool
    text: str
    is_sure: bool
    environment: Mapping[str, str]
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Surroundings:
    """What an instruction finds.

    Attributes:
        environment: The variables that ENV sets.
        arguments: The variables that ARG sets.
        is_posix: Whether a POSIX shell runs what it says.
        is_known: Whether that is all; not behind a base whose ENV nobody knows.
    """

    environment: dict[str, str]
    arguments: dict[str, str]
    is_posix: bool = True
    is_known: bool = True


NOTHING = Surroundings({}, {})
"""What stands at the beginning of an image without any."""


class Walk:
    """Goes through the stages; each begins with what its parent ended with.

    So the reference has it, and BuildKit. The engine's own builder (20.10) hands on what ENV set,
    and not what ARG did.

    Args:
        dockerfile: What is carried out.
        arguments: The build arguments of the image.
        begin: Returns what a stage finds that begins with an image.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        arguments: Mapping[str, str],
        begin: Callable[[Stage], Surroundings],
    ) -> None:
        self._dockerfile = dockerfile
        self._given = arguments
        self._begin = begin
        self._now = NOTHING
        self._asked: set[str] = set()
        self.ends: list[Surroundings] = []
        """What each stage leaves."""

    def steps(self) -> tuple[Step, ...]:
        """Return the steps of all stages, variables followed.

        Raises:
            DockerfileError: Variables grow too long, or a quote is open.
        """
        return tuple(step for stage in self._dockerfile.stages for step in self._stage(stage))

    def _stage(self, stage: Stage) -> Iterator[Step]:
        self._now = self._begin(stage) if stage.parent is None else self.ends[stage.parent]
        self._asked = set(self._now.arguments)
        for instruction in stage.instructions:
            yield self._step(stage.index, instruction)
        self.ends.append(self._now)

    @property
    def _values(self) -> Mapping[str, str]:
        """All variables: what ENV sets comes before what ARG sets, whichever stands first."""
        return ChainMap(self._now.environment, self._now.arguments)

    def _step(self, stage: int, instruction: Instruction) -> Step:
        done = instruction.trigger or instruction
        if done is instruction:
            self._change(done)
        text = self._expansion(_written(done), done) if done.keyword in _EXPANDED else _NO_TEXT
        is_sure = text.is_sure and (self._now.is_known or text.unset <= self._asked)
        commands = self._commands(done) if done.keyword == "RUN" and self._now.is_posix else ()
        is_trigger, environment = done is not instruction, self._now.environment
        return Step(stage, done, is_trigger, text.text, is_sure, environment, tuple(commands))

    def _change(self, instruction: Instruction) -> None:
        """Take in what the instruction changes for those that follow."""
        if instruction.keyword == "SHELL" and instruction.json:
            is_posix = runs_shell(" ".join(instruction.json).split())
            self._now = replace(self._now, is_posix=is_posix)
        elif instruction.keyword == "ENV":
            pairs = instruction.pairs
            added = {name: self._expanded(value or "", instruction) for name, value in pairs}
            # Steps before keep theirs.
            self._now = replace(self._now, environment={**self._now.environment, **added})
        elif instruction.keyword == "ARG":
            for name, value in instruction.pairs:
                self._ask(name, value, instruction)

    def _ask(self, name: str, default: str | None, instruction: Instruction) -> None:
        """Set the variable of an ARG: as given for the image, by its default, or before FROM."""
        self._asked.add(name)
        if name in self._given:
            value = self._given[name]
        elif default is not None:
            value = self._expanded(default, instruction)
        elif name in self._dockerfile.values:
            value = self._dockerfile.values[name]
        else:
            return
        self._now = replace(self._now, arguments={**self._now.arguments, name: value})

    def _commands(self, instruction: Instruction) -> Sequence[Command]:
        if instruction.json is not None:
            return exec_commands(instruction.json)
        return script_commands(_script(instruction), self._values)

    def _expanded(self, text: str, instruction: Instruction) -> str:
        return self._expansion(text, instruction).text

    def _expansion(self, text: str, instruction: Instruction) -> Expanded:
        try:
            return expand(text, self._values, self._dockerfile.escape)
        except ExpansionError as error:
            file, line = self._dockerfile.file, instruction.line
            raise DockerfileError(file, line, error.message, error.remedy) from None


def _written(instruction: Instruction) -> str:
    """Return what is expanded; ADD and COPY in either form have no blank within a path."""
    if instruction.keyword not in ("ADD", "COPY"):
        return instruction.text
    return "\n".join(instruction.json or instruction.text.split())


def _script(instruction: Instruction) -> str:
    """Return what the shell reads: the line and its heredocs, or the one that is all of the line.

    Source: moby/buildkit ``frontend/dockerfile/dockerfile2llb/convert.go`` (``dispatchRun``). What
    begins with ``#!`` for another program is none.
    """
    if not instruction.heredocs:
        return instruction.text
    if not _ONLY_HEREDOC.fullmatch(instruction.text):
        return instruction.text + "".join(f"\n{x.text}{x.name}" for x in instruction.heredocs)
    script = instruction.heredocs[0].text
    first = script.split("\n", 1)[0]
    is_read = not first.startswith("#!") or runs_shell(first[2:].split())
    return script if is_read else ""
