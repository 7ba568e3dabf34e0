"""What a Dockerfile asks for that only BuildKit can do.

Sources: BuildKit's "Dockerfile reference"; of what the engine's own builder knows, moby
``builder/dockerfile/dispatchers.go`` and ``instructions/parse.go``, tried with Docker 20.10.
"""

from collections.abc import Iterator, Mapping

from kargo_release.images.dockerfile import AUTOMATIC, Dockerfile, Instruction

_KNOWN = {  # flags, to the engine's own builder
    "ADD": ("chown",),
    "COPY": ("from", "chown"),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
}


def of_buildkit(dockerfile: Dockerfile, given: Mapping[str, str]) -> str:
    """Return the first thing that needs BuildKit, with its line; empty where nothing does.

    Args:
        dockerfile: The Dockerfile.
        given: Build arguments.
    """
    found = (each for one in dockerfile.instructions for each in _demands(one, given))
    return next(found, "")


def _demands(instruction: Instruction, given: Mapping[str, str]) -> Iterator[str]:
    where = f"in line {instruction.line}"
    known = _KNOWN.get(instruction.keyword, ())
    yield from (f"--{name} {where}" for name, _ in instruction.flags if name not in known)
    if instruction.keyword == "FROM" and "$" in (platform := instruction.flag("platform") or ""):
        yield f"--platform={platform} {where}"
    if instruction.heredocs:
        yield f"the here-document {where}"
    if instruction.keyword == "ARG":
        pairs = instruction.pairs
        unset = (name for name, value in pairs if value is None and name not in given)
        yield from (f"the value of {name} {where}" for name in unset if name in AUTOMATIC)
    if instruction.trigger:
        yield from _demands(instruction.trigger, given)
