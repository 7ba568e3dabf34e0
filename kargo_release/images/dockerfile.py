"""What a Dockerfile says: stages and instructions, with their lines.

`parse_dockerfile` in ``dockerfile_parser.py`` makes it. Source of the words: "Dockerfile reference"
(docs.docker.com/reference/dockerfile).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kargo_release.errors import InvalidError, hint
from kargo_release.images.dockerfile_lines import Comment, Heredoc
from kargo_release.images.dockerfile_variables import Expanded
from kargo_release.images.dockerfile_words import old_pair, pairs, unquoted, words

SCRATCH = "scratch"
"""The base that is empty."""

AUTOMATIC = frozenset(
    f"{side}{part}"
    for side in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
"""Arguments that BuildKit sets by itself ("Automatic platform ARGs in the global scope")."""

# distribution/reference ``regexp.go``: host with port, path, tag, digest.
_REFERENCE = re.compile(
    r"(?P<name>(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*+)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        keyword: In capitals: ``RUN``.
        flags: Names and values of what stands as ``--name=value`` before the arguments.
        text: The arguments as they stand, continued lines joined.
        json: The words of the JSON form; None for the shell form.
        heredocs: What stands in the lines behind it.
        trigger: Of ONBUILD, the instruction that is carried out in images based on this one.
    """

    keyword: str
    flags: tuple[tuple[str, str], ...]
    text: str
    json: tuple[str, ...] | None
    heredocs: tuple[Heredoc, ...]
    line: int
    end_line: int
    column: int
    trigger: "Instruction | None" = None

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments as words without quotes, in either form."""
        return self.json if self.json is not None else tuple(map(unquoted, words(self.text)))

    @property
    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """The names and values of ARG, ENV or LABEL, as they stand."""
        old = None if self.keyword == "ARG" else old_pair(self.text)
        return (old,) if old else tuple(pairs(self.text))

    def flag(self, name: str) -> str | None:
        """Return the value of a flag; None where it is not given."""
        return dict(self.flags).get(name)


@dataclass(frozen=True)
class Stage:
    """What begins with FROM.

    Attributes:
        index: 0 for the first one.
        name: In small letters; empty for a stage without one.
        start: The FROM.
        base: The image that it begins with, variables replaced; of another stage, its name.
        parent: The index of the stage that it begins with; None where it begins with an image.
        instructions: What follows the FROM.
    """

    index: int
    name: str
    start: Instruction
    base: Expanded
    parent: int | None
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True)
class Reference:
    """An image's name in its parts; tag and digest are empty where they are not given."""

    name: str
    tag: str
    digest: str


@dataclass(frozen=True)
class Dockerfile:
    """A whole file.

    Attributes:
        file: Its name, for messages.
        directives: ``syntax``, ``escape`` and ``check``, where they are given.
        arguments: The ARGs before the first FROM.
        values: What their variables are, build arguments counted in.
        comments: All comments but those in heredocs, in their order.
        stages: At least one, in their order.
    """

    file: str
    directives: Mapping[str, str]
    arguments: tuple[Instruction, ...]
    values: Mapping[str, str]
    comments: tuple[Comment, ...]
    stages: tuple[Stage, ...]

    @property
    def escape(self) -> str:
        """The escape character."""
        return self.directives.get("escape", "\\")

    @property
    def instructions(self) -> Iterator[Instruction]:
        """All instructions, in their order."""
        yield from self.arguments
        for stage in self.stages:
            yield stage.start
            yield from stage.instructions

    def target(self, name: str | None) -> Stage:
        """Return the stage that is built: the last one, or the named or numbered one.

        Raises:
            InvalidError: There is no such stage.
        """
        if name is None:
            return self.stages[-1]
        stage = stage_called(name, self.stages)
        if stage is None:
            known = [each.name for each in self.stages if each.name]
            raise InvalidError(
                f"{self.file} has no stage {name!r}",
                hint(name, known) or f"Its stages are: {', '.join(known) or 'all without name'}.",
            )
        return stage

    def lineage(self, stage: Stage) -> list[Stage]:
        """Return the stages that a stage is built upon by FROM, itself last."""
        line = [stage]
        while (parent := line[-1].parent) is not None:
            line.append(self.stages[parent])
        return line[::-1]

    def needed(self, stage: Stage) -> list[Stage]:
        """Return the stages that are built for a stage, itself counted in, in the file's order."""
        found: set[int] = set()
        waiting = [stage]
        while waiting:
            each = waiting.pop()
            if each.index not in found:
                found.add(each.index)
                waiting.extend(self.stages[index] for index in self._uses(each))
        return [each for each in self.stages if each.index in found]

    def bases(self, stage: Stage) -> list[str]:
        """Return the images that are fetched for a stage: by FROM, COPY --from and mounts."""
        found = []
        for each in self.needed(stage):
            if each.parent is None:
                found.append(each.base.text)
            found += [name for _, name in self.copied_images(each)]
        return [name for name in dict.fromkeys(found) if name and name != SCRATCH]

    def copied_images(self, stage: Stage) -> Iterator[tuple[Instruction, str]]:
        """Yield the images that a stage copies from or mounts, and where it does so."""
        for instruction, name in _sources(stage):
            if name != SCRATCH and self._stage_before(name, stage) is None:
                yield instruction, name

    def _uses(self, stage: Stage) -> Iterator[int]:
        if stage.parent is not None:
            yield stage.parent
        for _, name in _sources(stage):
            if (source := self._stage_before(name, stage)) is not None:
                yield source.index

    def _stage_before(self, name: str, stage: Stage) -> Stage | None:
        if _is_number(name, stage.index):
            return self.stages[int(name)]
        places = self._places.get(name.lower(), [])
        before = bisect_left(places, stage.index)
        return self.stages[places[before - 1]] if before else None

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Where the stages of each name are: there may be thousands, and as many that ask."""
        found: dict[str, list[int]] = {}
        for stage in filter(lambda each: each.name, self.stages):
            found.setdefault(stage.name, []).append(stage.index)
        return found


def platform_arguments(target: str, build: str) -> dict[str, str]:
    """Return the arguments that BuildKit sets by itself.

    Args:
        target: What is built for, ``os/arch`` or ``os/arch/variant``.
        build: What the builder runs on.
    """
    given = {}
    for side, platform in (("TARGET", target), ("BUILD", build)):
        parts = [*platform.split("/"), "", ""][:3]
        given[f"{side}PLATFORM"] = platform
        given |= dict(zip((f"{side}OS", f"{side}ARCH", f"{side}VARIANT"), parts, strict=True))
    return given


def parse_reference(text: str) -> Reference | None:
    """Return an image's name in parts; None for what can't be one."""
    found = _REFERENCE.fullmatch(text)
    return Reference(found["name"], found["tag"] or "", found["digest"] or "") if found else None


def stage_called(name: str, stages: Sequence[Stage], *, by_number: bool = True) -> Stage | None:
    """Return the stage of that name or number; of two with one name, the last."""
    if by_number and _is_number(name, len(stages)):
        return stages[int(name)]
    same = [each for each in stages if each.name and each.name == name.lower()]
    return same[-1] if same else None


def _is_number(name: str, count: int) -> bool:
    return name.isdecimal() and len(name) < len("10000") and int(name) < count


def _sources(stage: Stage) -> Iterator[tuple[Instruction, str]]:
    """Yield the stages and images that a stage copies from or mounts, and where it does so."""
    for instruction in stage.instructions:
        for name, value in instruction.flags:
            if name == "from":
                yield instruction, value
            elif name == "mount":
                options = (each.partition("=") for each in value.split(","))
                yield from ((instruction, text) for key, _, text in options if key == "from")
