"""One pattern of a .dockerignore, matched in time in proportion to pattern and path.

Source: moby/patternmatcher ``patternmatcher.go`` (Pattern.compile, Pattern.match), which makes
regular expressions for Go's engine; Python's would take exponential time for some of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Self


class PatternError(ValueError):
    """What is no pattern; its text says why."""


class Kind(Enum):
    """What a token takes of a path."""

    ONE = "one character that is taken by the test"
    MANY = "any number of characters but slashes"
    ALL = "any number of characters"
    FOLDERS = "nothing, or anything that ends in a slash"


@dataclass(frozen=True)
class Token:
    """A part of a pattern."""

    kind: Kind
    takes: Callable[[str], bool]


@dataclass(frozen=True)
class Pattern:
    """A pattern.

    Attributes:
        text: As it stands, cleaned.
        tokens: What it is made of; empty for one that begins or ends with ``**`` and has no other
            sign, or none at all, which are compared as texts.
    """

    text: str
    tokens: tuple[Token, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pattern of a cleaned path.

        Raises:
            PatternError: It is none.
        """
        tokens = tuple(_tokens(text))
        plain = text.removeprefix("**") if text.startswith("**") else text.removesuffix("**")
        return cls(text, () if not set(plain) & set("*?[]\\") else tokens)

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the path as a whole."""
        if self.tokens:
            return self._matches_tokens(path)
        if self.text.startswith("**"):
            suffix = self.text[2:]
            return path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])
        if self.text.endswith("**"):
            return path.startswith(self.text[:-2])
        return path == self.text

    def _matches_tokens(self, path: str) -> bool:
        """Follow all ways through the tokens at once; the bits of a number tell where they are.

        Bit ``n`` of ``before`` is set where a way stands before token ``n``, and of ``inside``
        where it is in the middle of what the token takes of folders.
        """
        before, inside = self._passed(1), 0
        for character in path:
            takes = self._takers(character)
            folders = (before | inside) & takes & self._of(Kind.FOLDERS)
            beyond = before & takes & self._of(Kind.ONE) | (folders if character == "/" else 0)
            stays = before & takes & (self._of(Kind.MANY) | self._of(Kind.ALL))
            before, inside = self._passed(beyond << 1 | stays), folders
            if not before | inside:
                return False
        return bool(before >> len(self.tokens) & 1)

    def _passed(self, before: int) -> int:
        """Return the places and those behind tokens that may take nothing."""
        optional = self._of(Kind.MANY) | self._of(Kind.ALL) | self._of(Kind.FOLDERS)
        while (more := before | (before & optional) << 1) != before:
            before = more
        return before

    def _of(self, kind: Kind) -> int:
        return self._kinds[kind]

    @cached_property
    def _kinds(self) -> dict[Kind, int]:
        return {
            kind: sum(1 << at for at, each in enumerate(self.tokens) if each.kind is kind)
            for kind in Kind
        }

    @cached_property
    def _known(self) -> dict[str, int]:
        return {}

    def _takers(self, character: str) -> int:
        """Return the tokens that take a character."""
        if character not in self._known:
            takers = (1 << at for at, each in enumerate(self.tokens) if each.takes(character))
            self._known[character] = sum(takers)
        return self._known[character]


def _is_no_slash(character: str) -> bool:
    return character != "/"


def _is_no_line_end(character: str) -> bool:
    return character != "\n"  # as a dot in Go's expressions


_MANY = Token(Kind.MANY, _is_no_slash)
_ANY = Token(Kind.ONE, _is_no_slash)
_ALL = Token(Kind.ALL, _is_no_line_end)
_FOLDERS = Token(Kind.FOLDERS, _is_no_line_end)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        token, at = _token(text, at)
        yield token


def _token(text: str, at: int) -> tuple[Token, int]:
    """Return the token that begins there, and where the pattern goes on."""
    character = text[at]
    if text.startswith("**", at):
        end = at + (3 if text.startswith("**/", at) else 2)
        return (_FOLDERS if end < len(text) else _ALL), end
    if character == "[":
        return _class(text, at + 1)
    if character != "\\":
        return {"*": _MANY, "?": _ANY}.get(character) or _literal(character), at + 1
    if at + 1 == len(text):
        raise PatternError("nothing stands behind the last backslash")
    return _literal(text[at + 1]), at + 2


def _literal(wanted: str) -> Token:
    return Token(Kind.ONE, lambda character: character == wanted)


def _class(text: str, at: int) -> tuple[Token, int]:
    """Return what stands between brackets, and where the pattern goes on."""
    negated = text.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and text.startswith("]", at)):
        first, at = _member(text, at)
        last = first
        if text.startswith("-", at):
            last, at = _member(text, at + 1)
        if first > last:
            raise PatternError("a range in brackets ends before it begins")
        ranges.append((first, last))

    def takes(character: str) -> bool:
        return any(first <= character <= last for first, last in ranges) != negated

    return Token(Kind.ONE, takes), at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    """Return a character of a class, and where it goes on (Go's path/filepath, getEsc)."""
    at += text.startswith("\\", at)
    if at >= len(text) or (text[at] in "-]" and text[at - 1] != "\\"):
        raise PatternError("its brackets are not closed, or are empty")
    return text[at], at + 1
