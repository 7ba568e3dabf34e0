"""Checks the address of an S3 server."""

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
