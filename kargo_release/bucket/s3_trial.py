"""Tries out whether a bucket may be written and honours conditions, and removes what that made.

A write on condition of an etag that no object bears tells both and makes nothing, where there is
no object and the store honours it: a server looks at the right to write before the condition
(RFC 9110, section 13.2.1).
Only a store that goes on and writes must be tried further, with an object that is removed again.
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from kargo_release.bucket.s3_errors import code_of, condition_failed, status_of
from kargo_release.bucket.store import Trial

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_NO_ETAG = '"00000000000000000000000000000000"'
_NOT_IMPLEMENTED = 501


def try_writing(client: "S3Client", bucket: str, key: str, body: bytes) -> Trial:
    """Return how the bucket takes conditional writes; what is written to ``key`` is removed.

    Args:
        client: What asks; its errors pass as they are.
        bucket: The bucket's name.
        key: An object that may be written, and if it is there already holds ``body``.
        body: What is written.
    """
    attempts = _Attempts(client, bucket, key, body)
    was_there = attempts.is_there()
    conditions: Literal["honoured", "ignored", "unknown"] = "unknown"
    try:
        refused = attempts.are_refused(was_there=was_there)
        conditions = "honoured" if refused else "ignored"
    except client.exceptions.ClientError as error:
        if status_of(error) != _NOT_IMPLEMENTED and code_of(error) != "NotImplemented":
            raise
    finally:
        stays = attempts.undo(was_there=was_there)
    return Trial(conditions, f"s3://{bucket}/{key}" if stays else "", attempts.server_time)


class _Attempts:
    """Conditional writes to one key, and what came of them."""

    def __init__(self, client: "S3Client", bucket: str, key: str, body: bytes) -> None:
        self.server_time: datetime | None = None
        self._client = client
        self._place: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._body = body
        self._written: set[str | None] = set()

    def is_there(self) -> bool:
        try:
            self._client.head_object(**self._place)
        except self._client.exceptions.ClientError as error:
            if code_of(error) not in {"404", "NoSuchKey"}:
                raise
            return False
        return True

    def are_refused(self, *, was_there: bool) -> bool:
        """Whether every write is refused whose condition does not hold."""
        if not was_there and self._is_refused({"IfMatch": _NO_ETAG}):
            return True
        conditions = ({"IfNoneMatch": "*"}, {"IfMatch": _NO_ETAG})
        return all(map(self._is_refused, conditions))

    def _is_refused(self, condition: Mapping[str, Any]) -> bool:
        try:
            answer = self._client.put_object(
                **self._place, Body=self._body, ContentType="text/plain", **condition
            )
        except self._client.exceptions.ClientError as error:
            self._take_time(error.response)
            if not condition_failed(error, condition):
                raise
            return True
        self._take_time(answer)
        self._written.add(answer.get("VersionId"))
        return False

    def _take_time(self, answer: Mapping[str, Any]) -> None:
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            self.server_time = parsedate_to_datetime(told) if told else None
        except ValueError:
            self.server_time = None

    def undo(self, *, was_there: bool) -> bool:
        """Remove what was written, exactly that in a versioned bucket; whether some of it stays."""
        from botocore.exceptions import BotoCoreError

        ours: list[dict[str, Any]] = [
            {"VersionId": each} if each else {} for each in dict.fromkeys(self._written)
        ]
        try:
            for version in ours:
                if version or not was_there:
                    self._client.delete_object(**self._place, **version)
        except (BotoCoreError, self._client.exceptions.ClientError):
            return True
        return False
