"""The range that a chart's dependency states, made to take a version that it did not."""

import re

from kargo_release import versions
from kargo_release.errors import InvalidError

_SIMPLE = re.compile(
    r"\s*(?P<operator>\^|~>?|>=|=|)\s*v?(?P<numbers>\d+(?:\.\d+){0,2})(?P<open>(?:\.[xX*]){0,2})\s*"
)


def adjusted(range_: str, version: str) -> str:
    """Return the range if it takes the version, else one of its kind that does.

    ``^1.2.0`` becomes ``^2.0.0``, ``~1.2`` becomes ``~2.0``, ``1.x`` becomes ``2.x``, and ``1.2.0``
    alone the version alone. What is made of several comparisons becomes ``^`` and the version.

    Raises:
        InvalidError: It is no range.
    """
    if versions.satisfies(version, range_):
        return range_
    found = _SIMPLE.fullmatch(range_)
    if found is None:
        return f"^{version}"
    candidate = _of_kind(found, version)
    return candidate if _takes(candidate, version) else f"{found['operator'] or '^'}{version}"


def _of_kind(range_: re.Match[str], version: str) -> str:
    given = range_["numbers"].count(".") + 1
    if given == versions.PATCH:
        return f"{range_['operator']}{version}"
    new = versions.parse_strict(version)
    numbers = (new.major, new.minor, new.patch)[:given]
    return f"{range_['operator']}{'.'.join(map(str, numbers))}{range_['open']}"


def _takes(range_: str, version: str) -> bool:
    try:
        return versions.satisfies(version, range_)
    except InvalidError:
        return False
