"""What a Dockerfile asks for that only BuildKit can do.

Source: BuildKit's Dockerfile reference; the engine's own builder knows none of it
(moby ``builder/dockerfile/instructions``).
"""

import re
from collections.abc import Iterator

_FLAGS = re.compile(
    r"\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)((?:\s+--[a-z-]+(?:=\S+)?)+)", re.IGNORECASE
)
_KNOWN = ("--from", "--chown")  # to the engine's own builder
_HEREDOC = re.compile(r"\s*(?:ONBUILD\s+)?(RUN|COPY|ADD)\b[^#]*<<-?[\"']?\w", re.IGNORECASE)


def of_buildkit(dockerfile: str) -> str:
    """Return the first thing that needs BuildKit, with its line; empty where nothing does.

    Args:
        dockerfile: The text of a Dockerfile.
    """
    return next(_demands(dockerfile), "")


def _demands(dockerfile: str) -> Iterator[str]:
    for number, line in enumerate(dockerfile.splitlines(), start=1):
        if found := _FLAGS.match(line):
            for flag in found[1].split():
                name = flag.partition("=")[0].lower()
                if name not in _KNOWN:
                    yield f"{name} in line {number}"
        if _HEREDOC.match(line):
            yield f"the here-document in line {number}"
