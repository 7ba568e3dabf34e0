"""Markdown for GitHub's pages, of texts that others may have written."""

import re
from collections.abc import Sequence

from kargo_release.errors import printable

# All that begins something: emphasis, links, code, HTML, cells, mentions, references. Any
# ASCII punctuation may stand behind a backslash (CommonMark 0.31, 2.4).
_SPECIAL = re.compile(r"[\\`*_\[\]<>|&~#@$:]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ./,-]")


def escaped(text: str) -> str:
    """Return a text that shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))


def code(text: str) -> str:
    """Return a text as code on one line, in which GitHub looks for no mention; empty for none.

    Source: CommonMark 0.31.2, 2.5: what an entity stands for is never markup.
    """
    line = _NOT_PLAIN.sub(lambda sign: f"&#{ord(sign[0])};", printable(text))
    return f"<code>{line}</code>" if line else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def link(text: str, url: str) -> str:
    """Return a link to a URL that we made."""
    return f"[{escaped(text)}]({url})"
