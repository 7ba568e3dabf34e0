"""What a registry asks for when it answers 401.

Source: RFC 7235, section 4.1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LONGEST_HEADER = 1 << 13
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z]+)\s+(?=[A-Za-z]+\s*=)|^\s*([A-Za-z]+)\s*$")
# From a name's first letter only: each later one would read on to the name's end again.
_PARAMETER = re.compile(r'(?<![A-Za-z_])([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Challenge:
    """What a ``WWW-Authenticate`` header asks for."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(header: str) -> Iterator[Challenge]:
    """Yield the challenges of a ``WWW-Authenticate`` header, their schemes in lower case.

    A header of more than 8 KiB, as no registry sends, has none.
    """
    if len(header) > _LONGEST_HEADER:
        return
    starts = list(_SCHEME.finditer(header))
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(header)
        scheme = (start[1] or start[2]).lower()
        found = _PARAMETER.findall(header[start.end() : end])
        yield Challenge(scheme, {name.lower(): quoted or plain for name, quoted, plain in found})
