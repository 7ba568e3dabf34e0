"""The words of an instruction: flags, the JSON form, quotes, names with values.

Source: moby/buildkit ``frontend/dockerfile/parser/line_parsers.go`` and ``split_command.go``.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# Each alternative begins with another character, but the last, which takes a quote without its
# pair: so that no text is looked at twice.
_WORD = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*+"|[^\s'"\\]|['"\\])++""", re.DOTALL)
_FLAG = re.compile(r"""--([A-Za-z][\w-]*)(?:=((?:\\.|'[^']*'|"[^"]*"|[^\s'"\\])*+))?(?=\s|$)\s*""")
_QUOTED = re.compile(r"""\\(.)|'([^']*)'|"((?:\\.|[^"\\])*+)\"""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PAIR = re.compile(r"([^=]*)=(.*)", re.DOTALL)


def words(text: str) -> list[str]:
    """Return the words between white space, quotes kept."""
    return _WORD.findall(text)


def unquoted(word: str) -> str:
    """Return a word without its quotes and escapes."""

    def bare(found: re.Match[str]) -> str:
        escaped, single, double = found.groups()
        return escaped or single or _ESCAPED.sub(r"\1", double or "")

    return _QUOTED.sub(bare, word)


def split_flags(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the flags that an instruction begins with, and the text behind them."""
    flags = []
    position = 0
    while found := _FLAG.match(text, position):
        flags.append((found[1].lower(), unquoted(found[2] or "")))
        position = found.end()
    return tuple(flags), text[position:]


def skip_flags(text: str) -> str:
    """Return the text behind an instruction's flags."""
    return split_flags(text)[1]


def json_words(text: str) -> tuple[str, ...] | None:
    """Return the words of the JSON form; None for what is no list of texts."""
    parsed = _json_list(text)
    if parsed is None or not all(isinstance(each, str) for each in parsed):
        return None
    return tuple(parsed)


def is_json_list(text: str) -> bool:
    """Whether the text is a list in JSON, of whatever; what is none is the shell form."""
    return _json_list(text) is not None


def _json_list(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, list) else None


def pairs(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield names and values as ENV, LABEL and ARG write them; None for a name without ``=``.

    Values keep their quotes, for in single ones no variable is expanded.
    """
    for word in words(text):
        pair = _PAIR.fullmatch(word)
        yield (unquoted(pair[1]), pair[2]) if pair else (unquoted(word), None)


def old_pair(text: str) -> tuple[str, str] | None:
    """Return the one name and value of ``ENV NAME the rest``; None for the form with ``=``."""
    name, rest = [*text.split(None, 1), "", ""][:2]
    return (unquoted(name), rest) if rest and "=" not in name else None
