"""Reads an object, whole; what breaks off in its middle is asked for once more."""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def get(
    client: "S3Client", bucket: str, key: str, limit: int
) -> tuple[bytes, Mapping[str, Any]] | None:
    """Return the bytes, of a larger object one more than ``limit``, and S3's answer, or None.

    Args:
        client: What asks; its errors pass as they are. It tries again itself, but only until an
            answer begins.
        bucket: The bucket's name.
        key: The object's name.
        limit: How many bytes are wanted at most.
    """
    from botocore.exceptions import IncompleteReadError, ResponseStreamingError

    try:
        return _get_once(client, bucket, key, limit)
    except (IncompleteReadError, ResponseStreamingError):
        return _get_once(client, bucket, key, limit)


def _get_once(
    client: "S3Client", bucket: str, key: str, limit: int
) -> tuple[bytes, Mapping[str, Any]] | None:
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except client.exceptions.NoSuchKey:
        return None
    with closing(answer["Body"]) as body:
        data = body.read(limit + 1)
        # Only a read that meets the end tells an answer that broke off before it.
        return data + (body.read(1) if len(data) <= limit else b""), answer
