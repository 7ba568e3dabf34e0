"""The difference of two renderings, as text: a unified diff for each template."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import takewhile

from kargo_release.charts.changes.hidden import Hiding
from kargo_release.charts.changes.resources import documents

# difflib takes two seconds for so many in the worst case, and time by more than their square. What
# both begin and end with alike is not counted.
_MOST_LINES = 4_000
_NOTHING = "/dev/null"


def unified(before: Mapping[str, str], after: Mapping[str, str], old: str, new: str) -> str:
    """Return how manifests differ, without what Secrets hold; empty where they do not.

    Args:
        before: What was rendered, by the paths of templates.
        after: What is.
        old: What to call the rendering before, such as its version.
        new: What to call the other.
    """
    hiding = Hiding()
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            then, now = (_lines(each.get(path, ""), path, hiding) for each in (before, after))
            names = (
                f"{path} ({old})" if path in before else _NOTHING,
                f"{path} ({new})" if path in after else _NOTHING,
            )
            lines += _compared(then, now, *names)
    return "\n".join(lines)


def _lines(manifest: str, path: str, hiding: Hiding) -> list[str]:
    shown = (hiding.hidden(each, path).strip("\n") for each in documents(manifest))
    text = "\n---\n".join(shown).strip("\n")
    return text.split("\n") if text else []


def _compared(then: list[str], now: list[str], old: str, new: str) -> Iterator[str]:
    if max(len(then), len(now)) - _alike(then, now) <= _MOST_LINES:
        yield from difflib.unified_diff(then, now, old, new, lineterm="")
    elif then != now:
        yield from (f"--- {old}", f"+++ {new}")
        yield f"@@ {len(then)} and {len(now)} lines: too many to be compared @@"


def _alike(then: list[str], now: list[str]) -> int:
    """Return how many lines both begin and end with."""
    pairs = zip(then, now, strict=False), zip(reversed(then), reversed(now), strict=False)
    ahead, behind = (sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], e)) for e in pairs)
    return min(ahead + behind, len(then), len(now))
