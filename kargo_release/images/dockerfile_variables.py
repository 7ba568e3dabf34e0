"""Variables in a Dockerfile: ``$NAME``, ``${NAME}``, ``${NAME:-word}`` and their like.

Sources: "Dockerfile reference" (Environment replacement), and moby/buildkit
``frontend/dockerfile/shell/lex.go``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

GROWTH_LIMIT = 1 << 15
"""Characters that variables may add to a text: one may hold others, again and again."""

DEPTH_LIMIT = 20
"""How deep words of ``${NAME:-word}`` may stand in each other."""

_NAME = re.compile(r"[A-Za-z_]\w*|\d", re.ASCII)
_OPERATOR = re.compile(r":?[-+?]")


class ExpansionError(Exception):
    """The text can't be expanded: what is wrong, and what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def _too_much() -> ExpansionError:
    what = "variables make this too long, or stand too deep in each other"
    return ExpansionError(what, "Write it without them.")


def _open(end: str) -> ExpansionError:
    return ExpansionError(f"a {end} is missing", "Close every quote and every brace.")


@dataclass(frozen=True)
class Expanded:
    """A text with its variables replaced.

    Attributes:
        text: What Docker reads; a variable without a value is empty.
        unset: The variables in it that have no value.
        is_sure: False where a form was met that is not worked out, such as ``${NAME%.*}``.
    """

    text: str
    unset: frozenset[str] = frozenset()
    is_sure: bool = True


def expand(text: str, values: Mapping[str, str], escape: str = "\\") -> Expanded:
    """Return ``text`` with variables replaced and quotes removed.

    Args:
        text: What stands in the file.
        values: The variables that are known there.
        escape: The escape character.

    Raises:
        ExpansionError: It grows or nests beyond measure, or a quote or brace is open.
    """
    expansion = _Expansion(text, values, escape)
    result = expansion.word("", 0)
    return Expanded(result, frozenset(expansion.unset), expansion.is_sure)


@dataclass
class _Expansion:
    """One pass through a text, character by character."""

    text: str
    values: Mapping[str, str]
    escape: str
    at: int = 0
    is_sure: bool = True
    unset: list[str] = field(default_factory=list)

    def word(self, end: str, depth: int) -> str:
        """Return the expanded text up to ``end``, which is taken as well; "" is the text's end."""
        if depth > DEPTH_LIMIT:
            raise _too_much()
        parts: list[str] = []
        length = 0
        while self.at < len(self.text) and self.text[self.at] != end:
            parts.append(self._part(end, depth))
            length += len(parts[-1])
            if length > len(self.text) + GROWTH_LIMIT:
                raise _too_much()
        if end and self.at >= len(self.text):
            raise _open(end)
        self.at += 1
        return "".join(parts)

    def _part(self, end: str, depth: int) -> str:
        character = self.text[self.at]
        self.at += 1
        if character == self.escape:
            self.at += 1
            return self.text[self.at - 1 : self.at]
        if character == "'" and end != '"':
            return self._literal()
        if character == '"':
            return self.word('"', depth + 1)
        return self._variable(depth) if character == "$" else character

    def _literal(self) -> str:
        begin = self.at
        end = self.text.find("'", begin)
        if end < 0:
            raise _open("'")
        self.at = end + 1
        return self.text[begin:end]

    def _variable(self, depth: int) -> str:
        in_braces = self.text[self.at : self.at + 1] == "{"
        name = _NAME.match(self.text, self.at + in_braces)
        if name is None:
            self.is_sure = not in_braces and self.is_sure
            return "$"
        self.at = name.end()
        return self._modified(name[0], depth) if in_braces else self._value(name[0])

    def _modified(self, name: str, depth: int) -> str:
        """Return what stands for ``${name…}``, from what follows the name on."""
        operator = _OPERATOR.match(self.text, self.at)
        if operator is None:
            is_plain = self.text[self.at : self.at + 1] == "}"
            self._unused(depth)
            self.is_sure = self.is_sure and is_plain
            return self._value(name)
        self.at = operator.end()
        kind = operator[0][-1]
        may_be_empty = operator[0] == kind
        has_value = name in self.values if may_be_empty else bool(self.values.get(name))
        if kind != "?" and has_value == (kind == "+"):
            return self.word("}", depth + 1)
        self._unused(depth)
        return "" if kind == "+" else self._value(name)

    def _unused(self, depth: int) -> None:
        """Pass over a word that does not count, whatever is in it."""
        is_sure, before = self.is_sure, len(self.unset)
        self.word("}", depth + 1)
        self.is_sure = is_sure
        del self.unset[before:]

    def _value(self, name: str) -> str:
        if name not in self.values:
            self.unset.append(name)
        return self.values.get(name, "")
