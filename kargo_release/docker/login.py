"""The login for the registry of images that the environment gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kargo_release.errors import UsageError

USER = "DOCKER_USER"
PASSWORD = "DOCKER_PASSWORD"  # noqa: S105 - the variable's name
DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True)
class Login:
    """Who we are to one registry.

    Args:
        host: The registry's host, with its port if it has one; nobody else gets the password.
        user: The user.
        password: The password, or a token that stands for one.
    """

    host: str
    user: str
    password: str = field(repr=False)


def login_for(host: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login that DOCKER_USER and DOCKER_PASSWORD give; None for Docker's configuration.

    Args:
        host: The host of the registry of images, with its port if it has one.
        environ: The environment.

    Raises:
        UsageError: Only one of the two is set.
    """
    user, password = environ.get(USER, ""), environ.get(PASSWORD, "")
    if bool(user) != bool(password):
        raise UsageError(
            f"{USER} and {PASSWORD} belong together, and only one of them is set",
            "Set both, or none of them for the login of `docker login`.",
        )
    return Login(registry_host(host + "/"), user, password) if user else None


def registry_host(reference: str) -> str:
    """Return the host of an image's reference; ``docker.io`` where it names none.

    Source: distribution/reference ``normalize.go`` (splitDockerDomain).
    """
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host and first not in _HUB_NAMES else DOCKER_HUB
