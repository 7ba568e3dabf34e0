"""The commands of a shell script, as words: enough to see what a RUN installs and removes.

Source: POSIX.1-2024, "Shell Command Language" (2.2 Quoting, 2.3 Token Recognition, 2.9 Shell
Commands). Words are not expanded, but for variables whose value is known.
"""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from kargo_release.images.dockerfile_words import unquoted

DEPTH_LIMIT = 4
"""How deep scripts given to ``sh -c`` or ``$( )`` are looked into."""

_ROOM = 1 << 20
_WORDS_LIMIT = 100_000  # of an instruction; what is beyond is not looked at

_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r]+)
  | (?P<comment>(?<![^\s;|&()])\#[^\n]*)
  | (?P<redirect>\d*(?:&>>?|>[>&|]?|<<<|<<-?|<[&>]?))
  | (?P<end>&&|\|[|&]?|;;?|[&()\n])
  | (?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*+"|[^\s'"\\;|&()<>]|['"\\])++)
    """,
    re.VERBOSE | re.DOTALL,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL | re.ASCII)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
# They stand before a command, and are none.
_PREFIXES = frozenset(
    (
        *("!", "{", "}", "if", "then", "elif", "else", "fi", "do", "done", "while", "until"),
        *("time", "sudo", "exec", "env", "command", "eval", "nohup", "xargs"),
        *("export", "readonly", "local", "declare"),
    )
)
_RUNS_SCRIPT = re.compile(r"-[a-z]*c[a-z]*")
_SHELLS = frozenset(("sh", "bash", "ash", "dash", "ksh", "zsh"))


@dataclass(frozen=True)
class Command:
    """A simple command: its program, without the folder, and its arguments without quotes."""

    program: str
    arguments: tuple[str, ...]

    def has(self, *options: str) -> bool:
        """Whether one of the options is given, also as ``--option=value``."""
        return any(each.partition("=")[0] in options for each in self.arguments)

    @property
    def operands(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return self.words(())

    def words(self, valued: Collection[str]) -> tuple[str, ...]:
        """Return the arguments that are neither options nor the values of some.

        Args:
            valued: Options whose value is the next argument.
        """
        before = ("", *self.arguments)
        return tuple(
            each
            for option, each in zip(before, self.arguments, strict=False)
            if not each.startswith("-") and option not in valued
        )


def is_posix_shell(program: str) -> bool:
    """Whether a program takes scripts as this module reads them."""
    return posixpath.basename(program) in _SHELLS


def script_commands(script: str, values: Mapping[str, str]) -> list[Command]:
    """Return the commands of a script; those in ``$( )`` come behind the others.

    Args:
        script: The text.
        values: The variables that are known.
    """
    return _Reader(dict(values)).script(script, 0)


def exec_commands(words: Sequence[str]) -> list[Command]:
    """Return the command of the JSON form; of ``sh -c SCRIPT`` those of the script."""
    return _Reader({}).simple(words, 0)


@dataclass
class _Reader:
    """Reads scripts within each other.

    ``left`` words may still be found, and ``room`` characters still come out of variables.
    """

    known: dict[str, str]
    left: int = _WORDS_LIMIT
    room: int = _ROOM

    def script(self, script: str, depth: int) -> list[Command]:
        if depth > DEPTH_LIMIT:
            return []
        text, inner = _without_substitutions(script.replace("\\\n", ""))
        found = [command for words in _simple(text) for command in self.simple(words, depth)]
        return found + [command for each in inner for command in self.script(each, depth + 1)]

    def simple(self, words: Sequence[str], depth: int) -> list[Command]:
        """Return the command of the words, or those of the script that it hands to a shell."""
        rest = self._without_prefixes(words)
        bare = list(islice((part for word in rest for part in self._expanded(word)), self.left))
        self.left -= len(bare)
        if not bare:
            return []
        command = Command(posixpath.basename(bare[0]), tuple(bare[1:]))
        script = _script_of(command)
        return [command] if script is None else self.script(script, depth + 1)

    def _without_prefixes(self, words: Sequence[str]) -> Sequence[str]:
        """Return the words from the program on; variables that are only set become known."""
        for at, word in enumerate(words):
            assigned = _ASSIGNMENT.fullmatch(word)
            if assigned:
                self.known[assigned[1]] = unquoted(assigned[2])
            elif word not in _PREFIXES and not (at and word.startswith("-")):
                return words[at:]
        return []

    def _expanded(self, word: str) -> list[str]:
        found = _VARIABLE.fullmatch(word)
        value = self.known.get(found[1] or found[2]) if found else None
        if value is None or len(value) > self.room:
            return [unquoted(word)]
        self.room -= len(value)
        return value.split(maxsplit=self.left)


def _simple(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, quotes kept."""
    words: list[str] = []
    is_redirected = False  # the next word is a file's
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "end":
            yield words
            words, is_redirected = [], False
        elif token.lastgroup == "redirect":
            is_redirected = True
        elif token.lastgroup == "word":
            words += [] if is_redirected else [token[0]]
            is_redirected = False
    yield words


def _script_of(command: Command) -> str | None:
    """Return what stands behind ``sh -c``; None where the command is another."""
    options = command.arguments
    at = next((at for at, each in enumerate(options) if _RUNS_SCRIPT.fullmatch(each)), None)
    if command.program not in _SHELLS or at is None:
        return None
    return next((each for each in options[at + 1 :] if not each.startswith("-")), None)


def _without_substitutions(text: str) -> tuple[str, list[str]]:
    """Return the text with a mark for each ``$( )``, and what stood in them."""
    kept, inner, position = [], [], 0
    while (begin := text.find("$(", position)) >= 0:
        end = _closing(text, begin + 1)
        kept.append(text[position:begin] + "$_")
        inner.append(text[begin + 2 : end])
        position = end + 1
    return "".join(kept) + text[position:], inner


def _closing(text: str, opening: int) -> int:
    """Return where the parenthesis that opens there is closed; the text's end if nowhere."""
    depth = 0
    for found in re.compile(r"\\.|[()]", re.DOTALL).finditer(text, opening):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return found.start()
    return len(text)
