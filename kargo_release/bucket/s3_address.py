"""Takes the address of a bucket apart."""

import re

from kargo_release.bucket.keys import checked_key
from kargo_release.errors import UsageError

# Amazon S3 User Guide, "Bucket naming rules", with the older rules that other stores still follow.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_LONGEST_PREFIX = 700  # bytes; a whole key may have 1024


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """Return the bucket's name, and what every key in it begins with: nothing, or ``path/``.

    Args:
        url: ``s3://bucket`` or ``s3://bucket/path``.

    Raises:
        UsageError: It is not of that form.
        InvalidError: A part of the path could not be the name of a folder.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    good = url.startswith("s3://") and _BUCKET.fullmatch(bucket)
    if not good or len(prefix.encode(errors="replace")) > _LONGEST_PREFIX:
        raise UsageError(
            f"{url} is not the address of a bucket",
            "Write it as s3://bucket or s3://bucket/prefix.",
        )
    if not prefix:
        return bucket, ""
    return bucket, "".join(f"{checked_key(part)}/" for part in prefix.split("/"))
