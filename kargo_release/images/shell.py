"""The commands of a shell script, as words: enough to see what a RUN installs and removes.

Source: POSIX.1-2024, "Shell Command Language" (2.9 Shell Commands), and "sh" of its utilities.
Words are not expanded, but for variables whose value is known.
"""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from kargo_release.images.dockerfile_words import unquoted
from kargo_release.images.shell_heredocs import Heredocs
from kargo_release.images.shell_runners import length_of_runner
from kargo_release.images.shell_tokens import TOKEN, is_heredoc

DEPTH_LIMIT = 4
"""How deep scripts given to ``sh -c`` or ``$( )`` are looked into."""

_ROOM = 1 << 20
_WORDS_LIMIT = 100_000  # of an instruction; what is beyond is not looked at

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL | re.ASCII)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
_RUNS_SCRIPT = re.compile(r"-[a-z]*c[a-z]*")
_READS_INPUT = re.compile(r"-[a-z]*s[a-z]*")
_VALUED = re.compile(r"[-+][a-z]*[oO]|--rcfile|--init-file")
_SHELLS = frozenset(("sh", "bash", "ash", "dash", "ksh", "zsh"))
_TAKE_SCRIPT = _SHELLS | {"su", "runuser"}  # behind -c


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


def runs_shell(words: Sequence[str]) -> bool:
    """Whether a command is a shell that takes scripts as this module reads them, also by env."""
    command = _Reader({}).command(words)
    return command is not None and command.program in _SHELLS


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
    heredocs: Heredocs = field(default_factory=Heredocs)

    def script(self, script: str, depth: int) -> list[Command]:
        if depth > DEPTH_LIMIT:
            return []
        joined = self.heredocs.take_out(script).replace("\\\n", "")
        text, inner = _without_substitutions(joined)
        found = [
            command
            for words, heredoc in _simple(text)
            for command in self.simple(words, depth, self.heredocs.pop(heredoc))
        ]
        return found + [command for each in inner for command in self.script(each, depth + 1)]

    def simple(self, words: Sequence[str], depth: int, given: str | None = None) -> list[Command]:
        """Return the command of the words, or those of the script that it hands to a shell.

        Args:
            words: With their quotes.
            depth: How deep the command stands.
            given: What a heredoc hands to it.
        """
        command = self.command(words)
        if command is None:
            return []
        script = _script_of(command, given)
        return [command] if script is None else self.script(script, depth + 1)

    def command(self, words: Sequence[str]) -> Command | None:
        """Return the command of the words, variables replaced; None where none is run."""
        rest = self._without_runners(words)
        bare = list(islice((part for word in rest for part in self._expanded(word)), self.left))
        self.left -= len(bare)
        return Command(posixpath.basename(bare[0]), tuple(bare[1:])) if bare else None

    def _without_runners(self, words: Sequence[str]) -> Sequence[str]:
        """Return the words from the program on; variables that are only set become known."""
        at = 0
        while at < len(words):
            assigned = _ASSIGNMENT.fullmatch(words[at])
            if assigned:
                self.known[assigned[1]] = unquoted(assigned[2])
            length = 1 if assigned else length_of_runner(words, at)
            if not length:
                break
            at += length
        return words[at:]

    def _expanded(self, word: str) -> list[str]:
        found = _VARIABLE.fullmatch(word)
        value = self.known.get(found[1] or found[2]) if found else None
        if value is None or len(value) > self.room:
            return [unquoted(word)]
        self.room -= len(value)
        return value.split(maxsplit=self.left)


def _simple(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each simple command, quotes kept, and the heredoc that it reads."""
    words: list[str] = []
    redirect = heredoc = ""
    for token in TOKEN.finditer(text):
        if token.lastgroup == "end":
            yield words, heredoc
            words, redirect, heredoc = [], "", ""
        elif token.lastgroup == "redirect":
            redirect = token[0]
        elif token.lastgroup == "word":
            words += [] if redirect else [token[0]]
            heredoc = token[0] if is_heredoc(redirect) else heredoc
            redirect = ""
    yield words, heredoc


def _script_of(command: Command, given: str | None) -> str | None:
    """Return the script of ``sh -c``, or the one that a shell is given; None for no shell."""
    options = command.arguments
    at = next((at for at, each in enumerate(options) if _RUNS_SCRIPT.fullmatch(each)), None)
    if command.program in _TAKE_SCRIPT and at is not None:
        return next((each for each in options[at + 1 :] if not each.startswith("-")), None)
    return given if command.program in _SHELLS and _reads_input(options) else None


def _reads_input(options: Sequence[str]) -> bool:
    """Whether a shell with these arguments takes its script from its input, not from a file."""
    is_value = False
    for each in options:
        if _READS_INPUT.fullmatch(each):
            return True
        if not is_value and not each.startswith(("-", "+")):
            return False
        is_value = not is_value and bool(_VALUED.fullmatch(each))
    return True


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
