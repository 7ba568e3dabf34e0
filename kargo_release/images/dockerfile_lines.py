"""The lines of a Dockerfile as its instructions: continued, without comments, with heredocs.

Sources: "Dockerfile reference" (Format, Parser directives, escape, Here-Documents), and where it is
silent moby/buildkit ``frontend/dockerfile/parser/parser.go`` and ``directives.go``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kargo_release.errors import InvalidError
from kargo_release.images.dockerfile_words import json_words, skip_flags, unquoted, words

SIZE_LIMIT = 1 << 20
"""Bytes that a Dockerfile may have; the longest of the public ones have a tenth of that."""

INSTRUCTIONS_LIMIT = 2000
"""How many instructions it may have; an image has at most 127 layers."""

LINE_LIMIT = (1 << 16) - 1
"""Bytes that one of its lines may have (Go's ``bufio.MaxScanTokenSize``, which BuildKit uses)."""

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S(?:.*\S)?)\s*")
_DIRECTIVES = ("syntax", "escape", "check")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_BEFORE_NAME = re.compile(r"(?<=<<)[ \t]+")
_WITH_HEREDOCS = ("RUN", "COPY", "ADD")


class DockerfileError(InvalidError):
    """A Dockerfile that no builder would take; ``line`` is where, from 1."""

    def __init__(self, file: str, line: int, what: str, remedy: str) -> None:
        super().__init__(f"{file}, line {line}: {what}", remedy)
        self.line = line


@dataclass(frozen=True)
class Heredoc:
    """A text that stands in the lines after its instruction, which names it ``<<NAME``."""

    name: str
    text: str


@dataclass(frozen=True)
class Comment:
    """A comment without its ``#``, and its line."""

    line: int
    text: str


@dataclass(frozen=True)
class Statement:
    """An instruction as one line of text, with its first and last line in the file."""

    line: int
    end_line: int
    column: int
    text: str
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True)
class Lines:
    """All of a Dockerfile: its directives, its comments, and its instructions as text."""

    directives: dict[str, str]
    comments: tuple[Comment, ...]
    statements: tuple[Statement, ...]

    @property
    def escape(self) -> str:
        """What ends a line that is continued: a backslash, or a backtick for Windows' paths."""
        return self.directives.get("escape", "\\")


def split_lines(data: bytes, file: str) -> Lines:
    """Return the lines of a Dockerfile.

    Args:
        data: The file's bytes.
        file: Its name, for messages.

    Raises:
        DockerfileError: It is too large, no UTF-8, has no instruction, a bad directive, or a
            heredoc without its end.
    """
    lines = _decoded(data, file).split("\n")
    reader = _Reader([line.removesuffix("\r") for line in lines], file)
    directives = reader.directives()
    statements = tuple(reader.statements(directives.get("escape", "\\")))
    if not statements:
        raise DockerfileError(file, 1, "there is no instruction", "Begin with FROM.")
    return Lines(directives, tuple(reader.comments), statements)


def _decoded(data: bytes, file: str) -> str:
    if len(data) > SIZE_LIMIT:
        what = f"the file has {len(data)} bytes, more than {SIZE_LIMIT}"
        raise DockerfileError(file, 1, what, "Move what it holds into files that it copies.")
    for number, line in enumerate(data.split(b"\n"), start=1):
        if len(line) > LINE_LIMIT:
            what = f"the line has {len(line)} bytes, more than {LINE_LIMIT}"
            raise DockerfileError(file, number, what, "Continue it on further lines.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        raise DockerfileError(file, at, "this is not UTF-8", "Save the file as UTF-8.") from None


class _Reader:
    """Goes through the physical lines, from the first to the last."""

    def __init__(self, lines: Sequence[str], file: str) -> None:
        self._lines = lines
        self._file = file
        self._at = 0
        self.comments: list[Comment] = []

    def directives(self) -> dict[str, str]:
        """Return the directives; they end at the first line that is none, even a blank one."""
        found: dict[str, str] = {}
        while self._at < len(self._lines):
            directive = _DIRECTIVE.fullmatch(self._lines[self._at].lstrip())
            name = directive[1].lower() if directive else ""
            if directive is None or name not in _DIRECTIVES:
                break
            if name in found:
                raise self._fault(f"a second directive {name}", "Remove one of them.")
            found[name] = directive[2]
            self._at += 1
        if found.get("escape", "\\") not in ("\\", "`"):
            raise self._fault("escape is neither \\ nor `", "Write # escape=`, or remove it.")
        return found

    def statements(self, escape: str) -> Iterator[Statement]:
        """Yield the instructions, each as one line."""
        count = 0
        while self._at < len(self._lines):
            line = self._lines[self._at]
            text = line.lstrip()
            if text and not self._is_comment(text):
                count += 1
                if count > INSTRUCTIONS_LIMIT:
                    raise self._fault(f"more than {INSTRUCTIONS_LIMIT} instructions", "Split it.")
                yield self._statement(len(line) - len(text) + 1, escape)
            else:
                self._at += 1

    def _statement(self, column: int, escape: str) -> Statement:
        first = self._at + 1
        text = "".join(self._continued(escape)).strip()
        heredocs = tuple(
            self._heredoc(first, *named) for named in _heredocs(text, self._file, first)
        )
        return Statement(first, self._at, column, text, heredocs)

    def _continued(self, escape: str) -> Iterator[str]:
        """Yield the parts of an instruction; comments and blank lines may stand between them."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            text = line.lstrip()
            is_part = bool(text) and not self._is_comment(text)
            self._at += 1
            bare = line.rstrip(" \t")
            # Two of them are one escaped character, not the end of a line.
            goes_on = bare.endswith(escape) and not bare.endswith(escape * 2)
            if is_part:
                yield bare[:-1] if goes_on else line
                if not goes_on:
                    return

    def _heredoc(self, first: int, name: str, is_indented: bool) -> Heredoc:
        begin = self._at
        for at in range(begin, len(self._lines)):
            line = self._lines[at]
            if (line.lstrip("\t") if is_indented else line) == name:
                self._at = at + 1
                text = "".join(f"{each}\n" for each in self._lines[begin:at])
                return Heredoc(name, text)
        raise DockerfileError(
            self._file, first, f"the heredoc {name[:40]} has no end", f"End it by a line {name}."
        )

    def _is_comment(self, text: str) -> bool:
        if text.startswith("#"):
            self.comments.append(Comment(self._at + 1, text[1:].strip()))
        return text.startswith("#")

    def _fault(self, what: str, remedy: str) -> DockerfileError:
        return DockerfileError(self._file, min(self._at, len(self._lines) - 1) + 1, what, remedy)


def _heredocs(text: str, file: str, line: int) -> Iterator[tuple[str, bool]]:
    """Yield the heredocs that an instruction names, and whether tabs may stand before their end."""
    keyword, rest = split_keyword(text)
    if keyword == "ONBUILD":
        keyword, rest = split_keyword(rest)
    if keyword not in _WITH_HEREDOCS or "<<" not in rest or json_words(skip_flags(rest)):
        return
    for word in words(_BEFORE_NAME.sub("", rest)):
        if found := _HEREDOC.fullmatch(word):
            name = unquoted(found[2])
            if not name:
                raise DockerfileError(file, line, "a heredoc has no name", "Write <<EOF.")
            yield name, bool(found[1])


def split_keyword(text: str) -> tuple[str, str]:
    """Return an instruction's keyword, in capitals, and what stands behind it."""
    keyword, rest = [*text.split(None, 1), "", ""][:2]
    return keyword.upper(), rest
