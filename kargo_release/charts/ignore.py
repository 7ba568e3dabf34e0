"""A chart's .helmignore: which of its files Helm leaves out.

Helm 4.2, ``pkg/ignore/rules.go`` and ``pkg/chart/v2/loader/directory.go``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self

from kargo_release.charts.pattern import Pattern
from kargo_release.errors import InvalidError

MAX_LENGTH = 16384
"""In bytes. Helm has no limit but for a line; each pattern takes its time for every file."""

DEFAULT_RULE = "templates/.?*"

_BYTE_ORDER_MARK = "\ufeff"
# Go's unicode.IsSpace; str.strip() takes four control characters more.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# What Helm tries a rule on, to see whether it can be read.
_TRIAL = "abc"
_SHOWN = 80


@dataclass(frozen=True)
class Rule:
    """One line: a pattern, and what it is held against.

    Attributes:
        pattern: Matches the whole path, or the base name.
        negated: What does not match is ignored.
        folders_only: The line ended with a slash.
        base_name: The line holds no other slash.
    """

    pattern: Pattern
    negated: bool
    folders_only: bool
    base_name: bool

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return the rule of a line that is neither blank nor a comment."""
        text = line.removeprefix("!")
        pattern = text.removesuffix("/")
        return cls(
            pattern=Pattern.parse(pattern.removeprefix("/")),
            negated=line.startswith("!"),
            folders_only=text.endswith("/"),
            base_name="/" not in pattern,
        )

    def ignores(self, path: str, base_name: str, *, is_dir: bool) -> bool:
        """Tell whether the rule leaves the file or folder out."""
        if self.folders_only and not is_dir:
            return self.negated
        return self.pattern.matches(base_name if self.base_name else path) != self.negated


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of a .helmignore, Helm's default one last."""

    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rules of a .helmignore; an empty text is that of a chart without one.

        Args:
            text: The file, its bytes decoded as UTF-8 with ``surrogateescape``.

        Raises:
            InvalidError: Helm can't read a rule, or the file is longer than 16,384 bytes.
        """
        if len(text.encode("utf-8", "surrogateescape")) > MAX_LENGTH:
            raise InvalidError(
                f".helmignore is longer than {MAX_LENGTH:,} bytes",
                "Ignore whole folders, or match several files by one pattern.",
            )
        lines = [line.strip(_SPACE) for line in text.removeprefix(_BYTE_ORDER_MARK).split("\n")]
        rules = [
            _rule(line, number)
            for number, line in enumerate(lines, start=1)
            if line and not line.startswith("#")
        ]
        return cls((*rules, Rule.parse(DEFAULT_RULE)))

    def ignores(self, path: str, *, is_dir: bool) -> bool:
        """Tell whether Helm ignores a file or folder, whatever becomes of the folders above it.

        Args:
            path: Relative to the chart, with ``/`` between names.
            is_dir: It is a folder, or a link to one.
        """
        if path in {"", ".", "./"}:
            return False
        base_name = path.rstrip("/").rpartition("/")[2] or "/"
        return any(rule.ignores(path, base_name, is_dir=is_dir) for rule in self.rules)

    def kept(self, paths: Iterable[str]) -> list[str]:
        """Return the files that Helm packs, in the order given.

        Helm does not enter an ignored folder, so no rule brings back what is in it.

        Args:
            paths: All files of the chart, no folders, relative to it.
        """
        ignores_folder = cache(lambda folder: self.ignores(folder, is_dir=True))
        return [
            path
            for path in paths
            if not any(ignores_folder(folder) for folder in _folders(path))
            and not self.ignores(path, is_dir=False)
        ]


def _rule(line: str, number: int) -> Rule:
    if "**" in line:
        raise _bad_rule(line, number, "** is not supported by Helm", "Write a pattern per folder.")
    if Pattern.parse(line).fails_on(_TRIAL):
        raise _bad_rule(
            line, number, "malformed pattern", r"Close every [, or write \[ for a plain one."
        )
    return Rule.parse(line)


def _bad_rule(line: str, number: int, fault: str, remedy: str) -> InvalidError:
    shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
    return InvalidError(f".helmignore, line {number}: {fault}: {shown!r}", remedy)


def _folders(path: str) -> Iterator[str]:
    return (path[:at] for at, character in enumerate(path) if character == "/")
