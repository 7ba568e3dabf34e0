"""What OCI allows as the name of a repository, a tag and a digest.

Source: OCI distribution specification 1.1, ``spec.md``, "Pulling manifests".
"""

import re

from kargo_release.errors import InvalidError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The specification leaves the length to hosts and clients; 255 is what most of them take.
_LONGEST_REPOSITORY = 255
_SHOWN = 80


def check_repository(name: str) -> str:
    """Return ``name`` if it may be the path of a repository.

    Raises:
        InvalidError: It may not.
    """
    if len(name) <= _LONGEST_REPOSITORY and _REPOSITORY.fullmatch(name):
        return name
    raise InvalidError(
        f"{name[:_SHOWN]!r} cannot be the name of a repository in a registry",
        "Use lower-case letters and digits, with single '.', '_' or '-' between them.",
    )


def check_tag(name: str) -> str:
    """Return ``name`` if it may be a tag.

    Raises:
        InvalidError: It may not.
    """
    if _TAG.fullmatch(name):
        return name
    raise InvalidError(
        f"{name[:_SHOWN]!r} cannot be a tag in a registry",
        "Use up to 128 letters, digits, '.', '_' and '-'; the first is no '.' and no '-'.",
    )


def is_digest(name: str) -> bool:
    """Return whether ``name`` is a content address, ``sha256:HEX``."""
    return _DIGEST.fullmatch(name) is not None


def check_digest(name: str) -> str:
    """Return ``name`` if it is a content address.

    Raises:
        InvalidError: It is not ``sha256:`` and 64 hexadecimal digits.
    """
    if is_digest(name):
        return name
    raise InvalidError(f"{name[:_SHOWN]!r} is not a digest", "A digest is sha256: and 64 digits.")


def check_tag_or_digest(name: str) -> str:
    """Return ``name`` if it may stand behind a repository as tag or digest.

    Raises:
        InvalidError: It may not.
    """
    return name if is_digest(name) else check_tag(name)
