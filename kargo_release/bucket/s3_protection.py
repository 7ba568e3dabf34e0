"""What a bucket does with former states of its objects: versioning and object lock."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from kargo_release.bucket.s3_errors import code_of, status_of
from kargo_release.bucket.store import Protection

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3.client import S3Client

_NO_LOCK = "ObjectLockConfigurationNotFoundError"
# Codes of a store that knows no such question, or does not want to answer these credentials.
_UNTOLD = {"AccessDenied", "403", "NotImplemented", "MethodNotAllowed", "UnsupportedOperation"}
_UNTOLD_STATUSES = {405, 501}


def protection(client: "S3Client", bucket: str) -> Protection:
    """Return what is known of the bucket; for this no right is needed but to be let in.

    Args:
        client: What asks; errors other than "we do not tell" pass as they are.
        bucket: The bucket's name.
    """
    lock = _object_lock(client, bucket)
    return Protection(_versioning(client, bucket), _enabled(lock), _retention(lock))


def _versioning(
    client: "S3Client", bucket: str
) -> Literal["enabled", "suspended", "off", "unknown"]:
    try:
        status = client.get_bucket_versioning(Bucket=bucket).get("Status")
    except client.exceptions.ClientError as error:
        _raise_if_wrong(error)
        return "unknown"
    if status is None:
        return "off"
    return "enabled" if status == "Enabled" else "suspended"


def _object_lock(client: "S3Client", bucket: str) -> Mapping[str, Any]:
    try:
        answer = client.get_object_lock_configuration(Bucket=bucket)
    except client.exceptions.ClientError as error:
        if code_of(error) == _NO_LOCK:
            return {"ObjectLockEnabled": "Disabled"}
        _raise_if_wrong(error)
        return {}
    return answer.get("ObjectLockConfiguration", {})


def _raise_if_wrong(error: "ClientError") -> None:
    if code_of(error) not in _UNTOLD and status_of(error) not in _UNTOLD_STATUSES:
        raise error


def _enabled(lock: Mapping[str, Any]) -> Literal["enabled", "off", "unknown"]:
    # A store that does not know the question may answer with something else, such as a list.
    status = lock.get("ObjectLockEnabled")
    if status is None:
        return "unknown"
    return "enabled" if status == "Enabled" else "off"


def _retention(lock: Mapping[str, Any]) -> str:
    default = lock.get("Rule", {}).get("DefaultRetention", {})
    spans = [f"{default[unit]} {unit.lower()}" for unit in ("Years", "Days") if default.get(unit)]
    return f"{default.get('Mode', '')} {spans[0]}" if spans else ""
