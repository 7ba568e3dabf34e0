"""Docker's engine, asked by the program ``docker``."""

from kargo_release.errors import RefusedError, excerpt
from kargo_release.process import ProgramError, run

_TIME_LIMIT = 20.0  # seconds; an engine on this machine answers in a tenth of one


def engine_version() -> str:
    """Return the version of the engine that ``docker`` talks to.

    Raises:
        RefusedError: There is no ``docker``, or no engine answers it.
    """
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        return excerpt(run(command, timeout=_TIME_LIMIT).decode(errors="replace"))
    except ProgramError as error:
        raise RefusedError(
            f"Docker's engine does not answer: {excerpt(error.message)}",
            "Start it, or name another one in DOCKER_HOST.",
        ) from None
