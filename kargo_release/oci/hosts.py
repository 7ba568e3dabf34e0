"""Hosts of registries: where they are reached, and which of them are this machine."""

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from kargo_release.errors import InvalidError

_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_SHOWN = 200
_ASTRAY = "Check the registry and what lies before it."
_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Return whether ``host`` (without a port) is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_docker_hub(host: str) -> bool:
    """Return whether ``host`` is one of the names of Docker Hub."""
    return host in _DOCKER_HUB


def api_host(host: str) -> str:
    """Return where the registry that people call ``host`` answers."""
    return "registry-1.docker.io" if is_docker_hub(host) else host


def resolve(url: str, location: str) -> str:
    """Return where an answer from ``url`` leads to; ``location`` may be relative (RFC 3986).

    Raises:
        InvalidError: It is no address.
    """
    try:
        return urljoin(url, location)
    except ValueError:
        raise InvalidError(f"{location[:_SHOWN]!r} is not an address", _ASTRAY) from None


def origin(url: str) -> str:
    """Return ``scheme://host:port`` of a URL, the port always written.

    Raises:
        InvalidError: It is not an http or https URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise InvalidError(f"{url[:_SHOWN]!r} is not an http or https address", _ASTRAY) from None
    host = parts.hostname or ""
    if not host:
        raise InvalidError(f"{url[:_SHOWN]!r} names no host", _ASTRAY)
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"
