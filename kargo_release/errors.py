"""The kinds of error that a user can meet, each with its exit code."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

# A password may hold a slash, a quote or an @ that nobody escaped; what names a digest is no user.
_ADDRESS = re.compile(r"(?<=://)\S+")
_USER = re.compile(r".*@(?!sha(?:256|512):)")
_EXCERPT = 300  # characters of somebody else's words that a message repeats
_NEAR = 0.7  # of 1, by difflib's measure
_READ = 4096  # characters of them that are looked at


class KargoError(Exception):
    """Something a user must know: what happened, and what to do.

    Args:
        message: What happened, in one line.
        remedy: What to do about it, in one line; empty when there is nothing to do.

    Both texts may hold what a server, a file's name or a chart says: passwords in URLs are removed,
    lines joined, and what steers a terminal is shown instead of obeyed.
    """

    kind: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = _one_line(redact(message))
        self.remedy = _one_line(redact(remedy))
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def document(self) -> dict[str, Any]:
        """Return the error as it stands in every JSON document of the contract."""
        return {"kind": self.kind, "message": self.message, "remedy": self.remedy}


class FailedError(KargoError):
    """A step failed for a reason outside the input: running it again resumes. Exit code 1."""


class UsageError(KargoError):
    """The command line or the settings are wrong. Exit code 2."""

    kind = "usage"
    exit_code = 2


class InvalidError(KargoError):
    """What was to be read is unknown, unreadable or breaks a rule. Exit code 2."""

    kind = "invalid"
    exit_code = 2


class RefusedError(KargoError):
    """The state of Git or of a destination forbids it; nothing was changed. Exit code 3."""

    kind = "refused"
    exit_code = 3


class InterruptError(KargoError):
    """Ctrl-C. Exit code 130, as shells count it: 128 and the number of SIGINT."""

    kind = "interrupted"
    exit_code = 130


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is nearest to ``word``; empty when none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=_NEAR)
    return near[0] if near else ""


def hint(word: str, known: Iterable[str]) -> str:
    """Return the remedy that offers the nearest known word; empty when none is near."""
    near = nearest(word, known)
    return f"Perhaps you meant {near}." if near else ""


def printable(text: str) -> str:
    """Return a line without what steers a terminal, or is a command to GitHub's runner anywhere.

    Source of the latter: actions/runner ``src/Runner.Common/ActionCommand.cs`` (TryParse).
    """
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown).replace("##[", "## [")


def excerpt(text: str) -> str:
    """Return somebody else's words on one line of at most 300 characters, fit for a message."""
    # Redacted before it is cut: of a password without its end nobody could tell that it is one.
    line = printable(" ".join(redact(text)[:_READ].split()))
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


def few(texts: Sequence[str], most: int) -> str:
    """Return the first texts in one line, and how many more there are: ``a, b and 3 more``."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def _one_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return printable(" ".join(line for line in lines if line))


def redact(text: str) -> str:
    """Return ``text`` with the user and password of every URL in it removed.

    A URL reaches up to the next white space, and all of it up to its last ``@`` is removed.
    """
    return _ADDRESS.sub(lambda address: _without_user(address[0]), text)


def _without_user(address: str) -> str:
    user = _USER.match(address)
    return address[user.end() :] if user else address
