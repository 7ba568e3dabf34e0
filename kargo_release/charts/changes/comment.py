"""The differences of charts as Markdown: a comment on a pull request.

All names and texts come from charts, and the comment may be made by a workflow with more rights
than whoever wrote them: nothing in it is markup, a mention or the end of a block.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from kargo_release.charts.changes.difference import ChartDifference
from kargo_release.console import harmless
from kargo_release.errors import few, printable
from kargo_release.markdown import code

LIMIT = 65_536
"""What GitHub takes as a comment's text, in characters; counted in bytes here, which are more."""

_HEADING = "## What Helm renders\n"
_HEADER = (
    "| chart | version | change | added | removed | changed | |\n|---|---|---|--:|--:|--:|---|"
)
_TABLE = LIMIT // 3  # the most bytes of it
_NOTE = LIMIT // 5  # kept for what was left out
_FRAME = 200  # bytes of what stands around them
_LEAST = 4_000  # bytes of a chart's own, before others are left out instead
_NAMED = 5  # charts that a note names
_LONGEST = 250  # characters of a name or a message
_FENCE = re.compile("`+")


def markdown(charts: Sequence[ChartDifference]) -> str:
    """Return a heading, a table of the charts, and what differs in each, of at most `LIMIT`."""
    if not charts:
        return f"{_HEADING}\nNo chart changed."
    table = _table(charts)
    room = LIMIT - _NOTE - _size(table)
    telling = [each for each in charts if each.listing or each.diff]
    share = max(_LEAST, room // max(len(telling), 1))
    parts, left = [table], list[str]()
    for each in telling:
        part = _details(each, share)
        room -= _size(part)
        if room < 0:
            left.append(each.chart.name)
            room += _size(part)
        else:
            parts.append(part)
    return "\n\n".join([*parts, *_left_out(left)])


def _size(text: str) -> int:
    return len(text.encode(errors="replace")) + len("\n\n")


def _table(charts: Sequence[ChartDifference]) -> str:
    rows = [_row(each) for each in charts]
    room = _TABLE
    for at, row in enumerate(rows):
        room -= _size(row)
        if room < 0:
            rows[at:] = [f"| and {len(rows) - at} more | | | | | | |"]
            break
    return "\n".join([_HEADING, _HEADER, *rows])


def _row(each: ChartDifference) -> str:
    found = each.resources
    counts = (str(len(keys)) for keys in (found.added, found.removed, found.changed))
    chart = each.chart
    note = "" if found.any else _code(each.summary)
    cells = (_code(chart.name), _code(chart.version), str(chart.kind), *counts, note)
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return code(text[:_LONGEST])


def _details(each: ChartDifference, most: int) -> str:
    """Return what differs in a chart, folded, in about ``most`` bytes; what is more is cut off."""
    lines = [*each.listing, *(["", *each.diff.split("\n")] if each.diff else [])]
    summary = f"<summary>{_code(each.title)}: {_code(each.summary)}</summary>"
    shown = list(_within(lines, most - _size(summary) - _FRAME))
    text = "\n".join(shown)
    more = len(lines) - len(shown)
    fence = "`" * max(3, 1 + max(map(len, _FENCE.findall(text)), default=0))
    cut = f"\n\n{more} more lines are left out." if more else ""
    return f"<details>{summary}\n\n{fence}diff\n{text}\n{fence}{cut}\n\n</details>"


def _within(lines: Iterable[str], most: int) -> Iterator[str]:
    for line in lines:
        shown = harmless(printable(line))
        most -= _size(shown)
        if most < 0:
            return
        yield shown


def _left_out(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [f"Left out, for a comment holds no more: {few([*map(_code, names)], _NAMED)}."]
