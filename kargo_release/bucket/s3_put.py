"""Writes an object, mostly on a condition, and tells a condition that did not hold."""

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kargo_release.bucket.s3_errors import code_of, condition_failed

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3.client import S3Client

_CONFLICT_PAUSES = (0.1, 0.3, 1.0)  # seconds, each drawn between half of it and the whole


def put(
    client: "S3Client", bucket: str, key: str, data: bytes, options: Mapping[str, Any]
) -> tuple[bool, Mapping[str, Any]]:
    """Return whether the object was written, and what S3 answered.

    It is tried again while another write is under way; the last of these refusals counts as a
    condition that did not hold.

    Args:
        client: What asks; its errors other than these pass as they are.
        bucket: The bucket's name.
        key: The object's name.
        data: Its bytes.
        options: Conditions and properties, by parameters of S3's PutObject.
    """
    answer: Mapping[str, Any] = {}
    for pause in (*_CONFLICT_PAUSES, 0):
        try:
            return True, client.put_object(Bucket=bucket, Key=key, Body=data, **options)
        except client.exceptions.ClientError as error:
            answer = error.response
            if not _conflict(error):
                if condition_failed(error, options):
                    return False, answer
                raise
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
    return False, answer


def _conflict(error: "ClientError") -> bool:
    return code_of(error) in {"ConditionalRequestConflict", "OperationAborted", "409"}
