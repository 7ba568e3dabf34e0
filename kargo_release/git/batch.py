"""Reads what Git prints of many objects at once.

Format: git-cat-file(1), "BATCH OUTPUT".
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Object:
    """An object: its name, whether it is a ``commit``, ``tag``, ``tree`` or ``blob``, its bytes."""

    oid: str
    kind: str
    data: bytes


def parsed(output: bytes) -> Iterator[Object | None]:
    """Yield the objects in what ``git cat-file --batch`` prints; None for what is not there."""
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if words[-1] in (b"missing", b"ambiguous"):
            yield None
            continue
        oid, kind, size = words[0].decode(), words[1].decode(), int(words[2])
        yield Object(oid, kind, output[position : position + size])
        position += size + 1
