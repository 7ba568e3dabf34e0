"""Here-documents in shell scripts: lines of a script that are no commands of it.

Source: POSIX.1-2024, "Shell Command Language" (2.7.4 Here-Document).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from kargo_release.images.dockerfile_words import unquoted
from kargo_release.images.shell_tokens import TOKEN, is_heredoc

_MARK = "\0"  # no shell takes it, so that no other word begins with it


class Heredocs:
    """The heredocs of scripts that stand within each other."""

    def __init__(self) -> None:
        self._data: dict[str, str] = {}
        self._numbers = count()

    def take_out(self, script: str) -> str:
        """Return a script without the lines of its heredocs; in it, marks stand for their names."""
        if "<<" not in script:
            return script
        return "".join(_Pass(script, _last_lines(script), self._data, self._numbers).kept())

    def pop(self, mark: str) -> str | None:
        """Return what a heredoc holds, once; None for what is no mark of one."""
        return self._data.pop(mark, None)


@dataclass
class _Pass:
    """One pass through a script, token by token.

    ``last`` tells where a line stands last, also without the tabs before it; ``waiting`` are the
    heredocs whose lines begin behind this one, by their marks.
    """

    script: str
    last: Mapping[tuple[str, bool], int]
    data: dict[str, str]
    numbers: Iterator[int]
    waiting: dict[str, tuple[str, bool]] = field(default_factory=dict)
    at: int = 0

    def kept(self) -> Iterator[str]:
        """Yield the parts of the script that are no data."""
        operator = ""
        while token := TOKEN.search(self.script, self.at):
            yield self.script[self.at : token.start()]
            self.at = token.end()
            is_name = token.lastgroup == "word" and is_heredoc(operator)
            yield self._mark(token[0], operator) if is_name else token[0]
            if token.lastgroup != "blank":
                operator = token[0] if token.lastgroup == "redirect" else ""
            if token[0] == "\n":
                self._read()

    def _mark(self, name: str, operator: str) -> str:
        """Return the mark of a heredoc; the name itself where it has no end, as in $((1<<2))."""
        end = (unquoted(name), operator.endswith("-"))
        if name.startswith(_MARK) or self.last.get(end, 0) < self.at:
            return name
        mark = f"{_MARK}{next(self.numbers)}"
        self.waiting[mark] = end
        return mark

    def _read(self) -> None:
        """Take the data of all heredocs that wait for it."""
        for mark, (name, is_indented) in self.waiting.items():
            lines = []
            for line in self._lines():
                if (line.lstrip("\t") if is_indented else line) == name:
                    break
                lines.append(f"{line}\n")
            self.data[mark] = "".join(lines)
        self.waiting.clear()

    def _lines(self) -> Iterator[str]:
        while self.at < len(self.script):
            end = self.script.find("\n", self.at)
            begin, self.at = self.at, len(self.script) if end < 0 else end + 1
            yield self.script[begin : self.at].removesuffix("\n")


def _last_lines(script: str) -> Mapping[tuple[str, bool], int]:
    """Return where each line stands last: as it is, and without the tabs before it."""
    found = {}
    at = 0
    for line in script.split("\n"):
        found[line, False] = found[line.lstrip("\t"), True] = at
        at += len(line) + 1
    return found
