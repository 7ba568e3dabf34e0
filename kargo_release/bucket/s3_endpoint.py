"""Checks the address of an S3 server, and whose certificate it may have."""

import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from kargo_release.errors import UsageError


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


def authorities(environ: Mapping[str, str]) -> str | None:
    """Return the file of the authorities that are trusted; None leaves them to botocore.

    Besides the variables that botocore knows, ``SSL_CERT_FILE`` counts, as for a registry.

    Raises:
        UsageError: A variable names what cannot be read.
    """
    variables = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    variable = next((name for name in variables if environ.get(name)), "")
    if not variable:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(environ[variable])
    except OSError:
        raise UsageError(
            f"the authorities that {variable} names cannot be read: {environ[variable]}",
            "Correct the path.",
        ) from None
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
