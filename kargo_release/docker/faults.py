"""What Docker's engine and its client raise, told with what to do about it."""

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from kargo_release.errors import FailedError, KargoError, RefusedError, excerpt

# What registries, and the engine for them, say to those who are not logged in or have no right; a
# file's "permission denied" is something else.
_DENIED = re.compile(
    r"unauthorized|authentication required|(?<!permission )denied|no basic auth credentials"
    r"|insufficient_scope|403 forbidden"
)
SEE_LOG = "Mend what the log shows."
"""What to do about a build that failed."""

_AGAIN = "Mend that; then run this again."
_NO_SSH = "Install paramiko"  # docker/api/client.py, where it takes ssh://
_FULL = "no space left on device"


@contextmanager
def told(what: str, *, asks_registry: bool = False, remedy: str = _AGAIN) -> Iterator[None]:
    """Tell what the client raises in the block as errors of ours.

    Args:
        what: What is being done: ``push host/app:1.0``.
        asks_registry: Whether the engine asks a registry for it, which may deny it.
        remedy: For what is not known here.

    Raises:
        RefusedError: A registry does not let us.
        FailedError: Everything else; the engine may have died.
    """
    from docker.credentials.errors import StoreError
    from docker.errors import APIError, DockerException, StreamParseError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        said = str(error.explanation or error)
        raise explained(what, said, asks_registry=asks_registry, remedy=remedy) from None
    except DockerException as error:
        raise explained(what, str(error), asks_registry=asks_registry, remedy=remedy) from None
    except StoreError as error:
        raise FailedError(
            f"can't {what}: Docker's credential helper failed: {excerpt(str(error))}",
            "Mend credsStore and credHelpers in Docker's config.json, or install the helper.",
        ) from None
    except (StreamParseError, tarfile.TarError) as error:
        raise FailedError(
            f"can't {what}: what Docker's engine sent broke off: {excerpt(str(error))}",
            "Look at its log; then run this again.",
        ) from None
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


def explained(
    what: str, said: str, *, asks_registry: bool = False, remedy: str = _AGAIN
) -> KargoError:
    """Return the error for what the engine said.

    Args:
        what: What was being done.
        said: Its words.
        asks_registry: Whether they may be a registry's.
        remedy: For what is not known here.
    """
    words, message = said.lower(), f"can't {what}: {excerpt(said)}"
    if asks_registry and _DENIED.search(words):
        return RefusedError(
            message, "Log in with docker login, or set DOCKER_USER and DOCKER_PASSWORD."
        )
    if _FULL in words:
        return FailedError(
            f"can't {what}: {_FULL}: {excerpt(said)}",
            "Make room on the engine's disk, such as with docker system prune.",
        )
    return FailedError(message, remedy)


def no_engine(where: str, said: str) -> RefusedError:
    """Return the error for an engine that can't be reached.

    Args:
        where: Its address.
        said: Why, in the library's words.
    """
    if _NO_SSH in said:
        return RefusedError(
            f"Docker's engine at {excerpt(where)} is reached by ssh, for which the Python package"
            " paramiko is missing",
            "Install paramiko where kargo-release is; or forward the engine's socket with ssh -L,"
            " and name that in DOCKER_HOST.",
        )
    return RefusedError(
        f"Docker's engine does not answer at {excerpt(where)}: {excerpt(said)}",
        "Start it (on Debian: apt-get install -y docker.io), or name another one in DOCKER_HOST.",
    )
