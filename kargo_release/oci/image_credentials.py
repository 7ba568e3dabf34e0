"""User and password for a registry of images: from the environment, or as Docker has them."""

from collections.abc import Mapping

from kargo_release.errors import UsageError
from kargo_release.oci.credentials import Login, docker_files, login_in

USER = "DOCKER_USER"
PASSWORD = "DOCKER_PASSWORD"  # noqa: S105 - the variable's name


def find_image_login(host: str, path: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login for a registry of images, or None when there is none.

    Args:
        host: The registry's host, with its port if it has one.
        path: The path below the host; a login for ``host/path`` comes before one for ``host``.
        environ: The environment.

    Raises:
        UsageError: The environment holds half a login.
        InvalidError: Docker's file is not readable as what it should be.
        FailedError: A credential helper failed.
    """
    return login_of_environment(environ) or find_docker_login(host, path, environ)


def login_of_environment(environ: Mapping[str, str]) -> Login | None:
    """Return the login that DOCKER_USER and DOCKER_PASSWORD give; None where they are not set.

    Raises:
        UsageError: Only one of them is set.
    """
    user, password = environ.get(USER, ""), environ.get(PASSWORD, "")
    if bool(user) != bool(password):
        raise UsageError(
            f"{USER} and {PASSWORD} belong together, and only one of them is set",
            "Set both, or none of them for the login of `docker login`.",
        )
    return Login(user, password, source=f"{USER} and {PASSWORD}") if user else None


def find_docker_login(host: str, path: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login that Docker itself has for a registry; as `find_image_login`."""
    for file in docker_files(environ):
        if login := login_in(file, host, path, environ):
            return login
    return None
