"""Names of objects: what every store of a backup can hold, on a disk and on S3 alike."""

import re

from kargo_release.errors import InvalidError

# File systems take 255 bytes; a temporary name beside the object needs a few of them.
LONGEST_KEY = 240

_FORBIDDEN = re.compile(r"^\.|[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_key(name: str) -> bool:
    """Whether every store can hold an object of that name."""
    try:
        checked_key(name)
    except InvalidError:
        return False
    return True


def checked_key(key: str) -> str:
    """Return ``key`` when every store can hold it: one visible file name.

    Raises:
        InvalidError: It is empty or too long, begins with a dot, or has a slash, a backslash or
            a control character in it.
    """
    if not key or _FORBIDDEN.search(key):
        raise InvalidError(
            f"{key!r} cannot be the name of an object in the backup",
            "Use a name without slashes and control characters that does not begin with a dot.",
        )
    if len(key.encode()) > LONGEST_KEY:
        raise InvalidError(
            f"the name {key[:40]!r}… has more than {LONGEST_KEY} bytes",
            "Shorten the chart's name or its version.",
        )
    return key
