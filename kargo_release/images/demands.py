"""What a Dockerfile asks for that only BuildKit can do.

Sources: BuildKit's "Dockerfile reference"; of what the engine's own builder knows, moby
``builder/dockerfile/dispatchers.go`` and ``instructions/parse.go``, tried with Docker 20.10.
"""

from collections.abc import Iterator, Mapping

from kargo_release.docker.order import Demand
from kargo_release.images.dockerfile import AUTOMATIC, Dockerfile, Instruction

_KNOWN = {  # flags, to the engine's own builder
    "ADD": ("chown",),
    "COPY": ("from", "chown"),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
}


def demand_of(dockerfile: Dockerfile, given: Mapping[str, str]) -> Demand:
    """Return what a Dockerfile asks of its builder: the first thing of each kind.

    Args:
        dockerfile: The Dockerfile.
        given: Build arguments.
    """
    found = (each for one in dockerfile.instructions for each in _demands(one, given))
    newer = (each for one in dockerfile.instructions for each in _newer(one))
    # A Dockerfile may name the syntax that it wants, which BuildKit then fetches.
    is_own = "syntax" not in dockerfile.directives
    return Demand(next(found, ""), next(newer, "") if is_own else "")


def _newer(instruction: Instruction) -> Iterator[str]:
    """Yield what came with Dockerfile syntax 1.4 (its release notes)."""
    if instruction.heredocs:
        yield f"the here-document in line {instruction.line}"
    if instruction.keyword in {"ADD", "COPY"} and instruction.flag("link") is not None:
        yield f"--link in line {instruction.line}"
    if instruction.trigger:
        yield from _newer(instruction.trigger)


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
