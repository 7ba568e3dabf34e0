r"""Patterns for file names, as Go's ``path/filepath`` matches them (``match.go``, Go 1.26).

``*`` and ``?`` stand for anything but ``/``, ``[a-z]`` and ``[^a-z]`` for one character (``/``
included), ``\`` takes the next character as it is. Two things are Go's own: a ``*`` takes in as
little as will do and never goes back on it, and it counts in bytes, so that it may end within a
character, of which each further byte then counts as the character U+FFFD.
"""

import re
from dataclasses import dataclass
from typing import Self

# Stand for a further byte of the character before, and for a character that is in no name.
_TAIL, _NONE = "\ud800", "\ud801"
_NOT_UTF_8 = "\udc80-\udcff"
_REPLACEMENT = "\ufffd"

# Up to the next star outside a class; a class ends at the first bracket that is not escaped.
_CHUNK = re.compile(r"(?P<star>\**)(?P<terms>(?:\\.?|\[(?:\\.?|[^\]\\])*\]?|[^*\\\[])*)", re.DOTALL)
_CHARACTER = rf"(?:\\[^{_NOT_UTF_8}]|[^\\\]\-{_NOT_UTF_8}])"
_TERM = re.compile(
    rf"\[(?P<not>\^?+)(?P<class>(?:{_CHARACTER}(?:-{_CHARACTER})?)+)\]"
    r"|(?P<any>\?)|\\(?P<escaped>.)|(?P<literal>[^\\\[?])",
    re.DOTALL,
)
_BOUNDS = re.compile(r"\\?(?P<low>.)(?:-\\?(?P<high>.))?", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A pattern, ready to match; ``malformed`` when some chunk of it can't be read.

    Go finds a malformed chunk only when it comes to it: before, the name has to match ``start``,
    the chunks that precede it.
    """

    start: re.Pattern[str]
    malformed: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pattern that ``text`` holds; text that was not UTF-8 by surrogateescape."""
        chunks = [found for found in _CHUNK.finditer(text) if found[0]]
        terms = [_terms(chunk["terms"]) for chunk in chunks]
        readable = terms.index(None) if None in terms else len(terms)
        source = "".join(
            _chunk(bool(chunks[at]["star"]), terms[at] or "", last=at == len(chunks) - 1)
            for at in range(readable)
        )
        malformed = readable < len(chunks)
        return cls(re.compile(source if malformed else rf"{source}\Z", re.DOTALL), malformed)

    def matches(self, name: str) -> bool:
        """Tell whether the whole name matches; nothing matches a malformed pattern."""
        return not self.malformed and self.start.match(_with_tails(name)) is not None

    def fails_on(self, name: str) -> bool:
        """Tell whether Go answers ``ErrBadPattern`` for this name."""
        return self.malformed and self.start.match(_with_tails(name)) is not None


def _chunk(star: bool, terms: str, *, last: bool) -> str:
    if not star:
        return terms
    if last:
        return f"[^/]*?{terms}\\Z" if terms else r"[^/]*+\Z"
    # Atomic: the first place that fits is kept, which also bounds the time by length times length.
    return f"(?>[^/]*?{terms})"


def _terms(text: str) -> str | None:
    """Return the regular expression for a chunk without its star; None when it is malformed."""
    source, position = [], 0
    while position < len(text):
        if (found := _TERM.match(text, position)) is None:
            return None
        source.append(_term(found))
        position = found.end()
    return "".join(source)


def _term(found: re.Match[str]) -> str:
    if found["any"]:
        return rf"(?:{_TAIL}|[^/{_TAIL}]{_TAIL}*+)"
    if found["class"]:
        return _class(found["class"], negated=bool(found["not"]))
    return re.escape(_with_tails(found["escaped"] or found["literal"]))


def _class(text: str, *, negated: bool) -> str:
    found = [(each["low"], each["high"] or each["low"]) for each in _BOUNDS.finditer(text)]
    # A range that runs backwards holds nothing.
    ranges = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in found if low <= high)
    members = f"[{'^' if negated else ''}{_NONE}{ranges}]"
    replaces = any(low <= _REPLACEMENT <= high for low, high in found) is not negated
    stray = f"|[{_TAIL}{_NOT_UTF_8}]" if replaces else ""
    return f"(?:(?={members})[^{_TAIL}{_NOT_UTF_8}]{_TAIL}*+{stray})"


def _with_tails(text: str) -> str:
    """Follow each character by one mark for every further byte that it has in UTF-8."""
    if text.isascii():
        return text
    return "".join(
        each + _TAIL * (len(each.encode("utf-8", "surrogateescape")) - 1) for each in text
    )
