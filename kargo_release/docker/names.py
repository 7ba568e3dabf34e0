"""How Docker completes an image's name.

Source: distribution/reference ``normalize.go``.
"""

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


def registry_host(reference: str) -> str:
    """Return the host of an image's reference; ``docker.io`` where it names none."""
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host and first not in _HUB_NAMES else DOCKER_HUB


def full_name(name: str) -> str:
    """Return an image's name, without tag and digest, as Docker completes it."""
    host = registry_host(name)
    if host != DOCKER_HUB:
        return name
    first, _, rest = name.partition("/")
    path = rest if first in _HUB_NAMES else name
    return f"{host}/{path}" if "/" in path else f"{host}/library/{path}"
