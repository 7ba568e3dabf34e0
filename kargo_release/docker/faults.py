"""What Docker's engine and its client raise, told with what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from kargo_release.errors import FailedError, KargoError, RefusedError, excerpt

# What registries, and the engine for them, say to those who are not logged in or have no right.
_DENIED = ("unauthorized", "authentication required", "denied", "no basic auth credentials")
_FULL = "no space left on device"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell what the client raises in the block as errors of ours.

    Args:
        what: What is being done: ``push host/app:1.0``.

    Raises:
        RefusedError: A registry does not let us.
        FailedError: Everything else; the engine may have died.
    """
    from docker.errors import APIError, DockerException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise explained(what, str(error.explanation or error)) from None
    except DockerException as error:
        raise explained(what, str(error)) from None
    except (OSError, HTTPError) as error:  # requests' errors are OSErrors
        if "timed out" in str(error).lower():
            raise FailedError(
                f"can't {what}: Docker's engine did not answer in time",
                "Look at its log; then run this again.",
            ) from None
        raise FailedError(
            f"can't {what}: the connection to Docker's engine broke: {excerpt(str(error))}",
            "Look whether the engine runs (docker info) and at its log; then run this again.",
        ) from None


def explained(what: str, said: str) -> KargoError:
    """Return the error for what the engine said.

    Args:
        what: What was being done.
        said: Its words.
    """
    words, message = said.lower(), f"can't {what}: {excerpt(said)}"
    if any(each in words for each in _DENIED):
        return RefusedError(
            message, "Log in with docker login, or set DOCKER_USER and DOCKER_PASSWORD."
        )
    if _FULL in words:
        return FailedError(
            message, "Make room on the engine's disk, such as with docker system prune."
        )
    return FailedError(message, "Mend that; then run this again.")


def no_engine(said: str) -> RefusedError:
    """Return the error for an engine that can't be reached."""
    return RefusedError(
        f"Docker's engine does not answer: {excerpt(said)}",
        "Start it (on Debian: apt-get install -y docker.io), or name another one in DOCKER_HOST.",
    )
