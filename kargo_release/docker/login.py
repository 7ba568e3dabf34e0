"""The login for the registry of images that is not in Docker's configuration."""

from dataclasses import dataclass, field


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
