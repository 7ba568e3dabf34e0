"""A context's .dockerignore: which of its files no builder sees.

Sources: moby/patternmatcher ``ignorefile/ignorefile.go`` (ReadAll) for the lines, and
``patternmatcher.go`` (New, MatchesOrParentMatches) for what they match.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from kargo_release.errors import InvalidError, excerpt
from kargo_release.images.dockerignore_pattern import Pattern, PatternError

MAX_LENGTH = 65536
"""In bytes. Docker has no limit but for a line; each pattern takes its time for every file."""

_BYTE_ORDER_MARK = "\ufeff"
# Go's unicode.IsSpace; str.strip() takes four control characters more.
_MOST_RULES = 1_000  # each is tried on every file
_MANY_FOLDERS = re.compile(r"(?:\*\*/)+")
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True)
class Rule:
    """One line: what it matches is left out or, behind a ``!``, taken in again."""

    pattern: Pattern
    takes_in: bool


class DockerIgnore:
    """The rules of a .dockerignore, of which the last one that matches holds."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._folders: dict[str, tuple[bool, ...]] = {"": (False,) * len(self._rules)}

    @classmethod
    def parse(cls, data: bytes, source: str) -> Self:
        """Return the rules of a file.

        Args:
            data: The file's bytes; of a context without one they are empty.
            source: Its name, for messages.

        Raises:
            InvalidError: Docker can't read a rule, the file is longer than 64 KiB, or it has over
                1,000 rules.
        """
        if len(data) > MAX_LENGTH:
            raise InvalidError(f"{source} is longer than {MAX_LENGTH} bytes", "Shorten it.")
        text = data.decode(errors="surrogateescape").removeprefix(_BYTE_ORDER_MARK)
        rules = [
            _rule(line, f"{source}:{number}")
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip(_SPACE) and not line.startswith("#")
        ]
        if len(rules) > _MOST_RULES:
            raise InvalidError(f"{source} has over {_MOST_RULES:,} rules", "Leave out folders.")
        return cls(rules)

    def leaves_out(self, path: str) -> bool:
        """Whether no builder sees the file or folder at a path from the context's top."""
        return self._outcome(self._matched(path))

    def _outcome(self, matched: Iterable[bool]) -> bool:
        left_out = False
        for rule, matches in zip(self._rules, matched, strict=True):
            if matches:
                left_out = not rule.takes_in
        return left_out

    def _matched(self, path: str) -> tuple[bool, ...]:
        """Return which rules match a path or a folder that it lies in."""
        matched = self._folders[""]
        ends = [at for at, character in enumerate(path) if character == "/"]
        for end in ends:
            folder = path[:end]
            if folder not in self._folders:
                self._folders[folder] = self._below(matched, folder)
            matched = self._folders[folder]
        return self._below(matched, path)

    def _below(self, above: tuple[bool, ...], path: str) -> tuple[bool, ...]:
        """Return which rules match a path, or did match one above.

        As builders do, a rule that would change nothing of what those before it say is not tried:
        below a folder it then does not count as one that matched there.
        """
        left_out = False
        found = []
        for known, rule in zip(above, self._rules, strict=True):
            may_change = rule.takes_in == left_out
            matches = known or (may_change and rule.pattern.matches(path))
            left_out = not rule.takes_in if matches else left_out
            found.append(matches)
        return tuple(found)


def _rule(line: str, place: str) -> Rule:
    text = line.strip(_SPACE)
    takes_in = text.startswith("!")
    text = text[1:].strip(_SPACE) if takes_in else text
    if not text:
        raise InvalidError(f"{place}: `!` stands alone", "Write what to take in behind it.")
    # POSIX lets two slashes in front stand for something else, and Go does not.
    clean = _MANY_FOLDERS.sub("**/", posixpath.normpath(text).replace("//", "/"))
    if len(clean) > 1:
        clean = clean.removeprefix("/")
    try:
        return Rule(Pattern.parse(clean), takes_in)
    except PatternError as error:
        raise InvalidError(f"{place}: {excerpt(line)!r}: {error}", "Correct the pattern.") from None
