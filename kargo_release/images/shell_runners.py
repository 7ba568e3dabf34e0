"""What stands before the program of a command: keywords, and programs that run another one.

Sources: POSIX.1-2024, "Shell Command Language" (2.4 Reserved Words) and "Utilities"; the manuals of
GNU coreutils, findutils and time, of sudo, gosu and su-exec.
"""

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kargo_release.images.dockerfile_words import unquoted

_KEYWORDS = frozenset(
    ("!", "{", "}", "if", "then", "elif", "else", "fi", "do", "done", "while", "until")
)


@dataclass(frozen=True)
class _Runner:
    """A program that runs another one.

    Attributes:
        valued: Its options whose value is the next word.
        operands: How many words stand between its options and the other program.
    """

    valued: Collection[str] = ()
    operands: int = 0


_PLAIN = _Runner()
_WITH_USER = _Runner(operands=1)
_RUNNERS: Mapping[str, _Runner] = {
    **dict.fromkeys(("export", "readonly", "local", "declare", "nohup", "eval"), _PLAIN),
    **dict.fromkeys(("setsid", "busybox", "tini", "dumb-init"), _PLAIN),
    **dict.fromkeys(("gosu", "su-exec"), _WITH_USER),
    "command": _Runner(("-v", "-V")),  # it only asks then, and nothing is run
    "env": _Runner(("-u", "--unset", "-C", "--chdir")),
    "exec": _Runner(("-a",)),
    "ionice": _Runner(("-c", "-n", "--class", "--classdata")),
    "nice": _Runner(("-n", "--adjustment")),
    "stdbuf": _Runner(("-i", "-o", "-e", "--input", "--output", "--error")),
    "sudo": _Runner(
        (*("-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R"), "--user", "--group")
    ),
    "time": _Runner(("-f", "-o", "--format", "--output")),
    "timeout": _Runner(("-s", "-k", "--signal", "--kill-after"), operands=1),
    "xargs": _Runner(("-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s")),
}


def length_of_runner(words: Sequence[str], at: int) -> int:
    """Return how many words, from ``at`` on, only lead to a program; 0 where one stands there.

    Args:
        words: Of a command, with their quotes.
        at: Where to look; what is only assigned stands before it.
    """
    if words[at] in _KEYWORDS:
        return 1
    runner = _RUNNERS.get(posixpath.basename(unquoted(words[at])))
    return _behind(words, at + 1, runner) - at if runner else 0


def _behind(words: Sequence[str], at: int, runner: _Runner) -> int:
    """Return where the options and operands of a runner end that begin at ``at``."""
    operands = runner.operands
    while at < len(words) and (operands or words[at].startswith("-")):
        is_option = words[at].startswith("-")
        operands -= not is_option
        at += 2 if is_option and words[at] in runner.valued else 1
    return at
