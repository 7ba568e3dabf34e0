"""Takes the address of a registry apart."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from kargo_release.errors import UsageError
from kargo_release.oci.names import check_repository


@dataclass(frozen=True)
class Address:
    """Where a registry is: its host, and the path under which our repositories are."""

    host: str
    path: str


def address(url: str) -> Address:
    """Return the parts of ``oci://host[:port]/path``.

    Raises:
        UsageError: It is no such URL.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "oci" and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in url or parts.query or parts.fragment:
        shown = "what holds an @" if "@" in url else repr(url[:200])
        raise UsageError(
            f"{shown} is not the address of a registry",
            "Write it as oci://HOST[:PORT]/PATH, without a user and a password.",
        )
    path = parts.path.strip("/")
    return Address(parts.netloc, check_repository(path) if path else "")
