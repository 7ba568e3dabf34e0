"""Tries out whether a bucket may be written and honours both conditions of a write.

A write on condition of an etag that no object bears makes nothing where the store honours it, and
a server looks at the right to write before the condition (RFC 9110, section 13.2.1). Whether a
store keeps what is there (If-None-Match) shows only on an object that is there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kargo_release.bucket.moments import told_moment
from kargo_release.bucket.s3_errors import code_of, etag_of, status_of
from kargo_release.bucket.s3_put import put
from kargo_release.bucket.store import Conditions, Trial

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PROBE = ".kargo-release-probe"
_BODY = (
    b"Kargo Release writes this object to learn whether the store refuses to overwrite it,\n"
    b"which keeps two releases from overwriting each other. Leave it: it saves a request.\n"
)
_OTHER_ETAG = {"IfMatch": '"00000000000000000000000000000000"'}
_NOTHING_THERE = {"IfNoneMatch": "*"}
_NOT_IMPLEMENTED = 501


def prove(client: "S3Client", bucket: str, prefix: str) -> Conditions:
    """Return how the bucket takes conditions, both of them tried; the probe stays.

    Two requests; three where no run before has left the probe.

    Args:
        client: What asks; its errors pass as they are.
        bucket: The bucket's name.
        prefix: Empty, or ends with a slash; the probe lies there.
    """
    # The first creation is lost at once where the probe is; else it makes what the next must keep.
    return _Attempts(client, bucket, prefix).conditions(creations=2)


def try_writing(client: "S3Client", bucket: str, prefix: str) -> Trial:
    """Return how the bucket takes writes; what that makes is removed again.

    Args:
        client: What asks; its errors pass as they are.
        bucket: The bucket's name.
        prefix: Empty, or ends with a slash; the probe lies there.
    """
    attempts = _Attempts(client, bucket, prefix)
    was_there = attempts.is_there()
    conditions = attempts.conditions(creations=1 if was_there else 0)
    stays = attempts.undo(was_there=was_there)
    return Trial(conditions, f"s3://{bucket}/{prefix}{PROBE}" if stays else "", attempts.time)


class _Attempts:
    """Conditional writes of the probe, and what came of them."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        self.time: datetime | None = None
        self._client = client
        self._bucket, self._key = bucket, prefix + PROBE
        self._written: list[str | None] = []

    def is_there(self) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key)
        except self._client.exceptions.ClientError as error:
            if code_of(error) not in {"404", "NoSuchKey"}:
                raise
            return False
        return True

    def conditions(self, *, creations: int) -> Conditions:
        """Return how conditions are taken; ``creations`` is how often the second is tried."""
        try:
            if not self._is_refused(_OTHER_ETAG):
                return "ignored"
            if not creations:
                return "half"
            kept = any(self._is_refused(_NOTHING_THERE) for _ in range(creations))
        except self._client.exceptions.ClientError as error:
            if status_of(error) != _NOT_IMPLEMENTED and code_of(error) != "NotImplemented":
                raise
            return "unknown"
        return "honoured" if kept else "ignored"

    def _is_refused(self, condition: Mapping[str, str]) -> bool:
        options = {**condition, "ContentType": "text/plain"}
        is_written, answer = put(self._client, self._bucket, self._key, _BODY, options)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.time = told_moment(headers.get("date", ""))
        if is_written:
            etag_of(answer, f"s3://{self._bucket}/{self._key}")
            self._written.append(answer.get("VersionId"))
        return not is_written

    def undo(self, *, was_there: bool) -> bool:
        """Remove what was written, exactly that in a versioned bucket; whether some of it stays."""
        from botocore.exceptions import BotoCoreError

        try:
            for version in dict.fromkeys(self._written):
                exactly: dict[str, Any] = {"VersionId": version} if version else {}
                if exactly or not was_there:
                    self._client.delete_object(Bucket=self._bucket, Key=self._key, **exactly)
        except (BotoCoreError, self._client.exceptions.ClientError):
            return True
        return False
