"""Checks the address of an S3 server, and whose certificate it may have."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from kargo_release.authorities import BUNDLES, SYSTEM_BUNDLE, load
from kargo_release.errors import UsageError

_BUNDLES = ("AWS_CA_BUNDLE", *BUNDLES, SYSTEM_BUNDLE)


def check_endpoint(endpoint: str, bucket: str, called: str) -> None:
    """Make sure that ``endpoint`` is the address of a server, and of no bucket.

    Args:
        endpoint: What is checked.
        bucket: The name that must not be part of it.
        called: How the user knows the endpoint: the setting's name.

    Raises:
        UsageError: It is not.
    """
    parts = _parsed(endpoint)
    if parts is None or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{called} is not the address of a server: {endpoint}",
            "Write it as https://host or https://host:port, without user and password.",
        )
    if _has_bucket(parts, bucket):
        raise UsageError(
            f"{called} has the bucket {bucket} in it, so that objects would go astray: {endpoint}",
            "Write only the server's own address: `backup` names the bucket.",
        )


def authorities(endpoint: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the file of the authorities that are trusted; None leaves them to botocore.

    The variables of a registry count, the first that is set, and before them AWS's own.

    Args:
        endpoint: Where S3 is; plain http needs no authority.
        environ: The environment.

    Raises:
        UsageError: A variable names what cannot be read, or a folder, which botocore can't take.
    """
    variable = next((name for name in _BUNDLES if environ.get(name)), "")
    if not variable or (endpoint or "").startswith("http:"):
        return None
    if Path(environ[variable]).is_dir():
        raise UsageError(
            f"{variable} names a folder, and S3 needs a file: {environ[variable]}",
            f"Name a file with all the authorities in {_BUNDLES[0]}.",
        )
    load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), environ[variable], variable)
    return environ[variable]


def _parsed(endpoint: str) -> SplitResult | None:
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if good else None


def _has_bucket(parts: SplitResult, bucket: str) -> bool:
    # A server may bear the bucket's name by chance, but hardly before the name of the service.
    host = (parts.hostname or "").startswith((f"{bucket.lower()}.s3.", f"{bucket.lower()}.s3-"))
    return host or parts.path.rstrip("/").rpartition("/")[2] == bucket
