"""The login for the registry of images that the environment gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kargo_release.oci.hosts import is_docker_hub
from kargo_release.oci.image_credentials import login_of_environment

DOCKER_HUB = "docker.io"


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
    found = login_of_environment(environ)
    return Login(registry_host(host + "/"), found.username, found.password) if found else None


def registry_host(reference: str) -> str:
    """Return the host of an image's reference; ``docker.io`` where it names none.

    Source: distribution/reference ``normalize.go`` (splitDockerDomain).
    """
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host and not is_docker_hub(first) else DOCKER_HUB
