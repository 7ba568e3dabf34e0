"""A bucket on S3, or on a store that speaks its protocol, with a prefix for all keys."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kargo_release.bucket.keys import checked_key
from kargo_release.bucket.s3_access import Access
from kargo_release.bucket.s3_address import bucket_and_prefix
from kargo_release.bucket.s3_errors import code_of, etag_of, explained, not_s3, unconditional
from kargo_release.bucket.s3_faults import broken_off
from kargo_release.bucket.store import Listed, LostRaceError, Protection, Stored, Trial
from kargo_release.errors import InvalidError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class S3Store:
    """An ``ObjectStore`` in a bucket; threads may share it.

    A write that S3 carried out, but whose answer was lost, is sent again by the client and then
    loses against itself: after ``LostRaceError`` look at what is there.

    Args:
        url: ``s3://bucket/prefix``; the prefix may be empty.
        access: How the bucket is reached.
        single_writer: The user promises that one release runs at a time: nothing is sent
            conditionally.
        jobs: How many threads use it at once.

    Raises:
        UsageError: The URL is not of that form.
    """

    def __init__(self, url: str, access: Access, *, single_writer: bool, jobs: int) -> None:
        self._bucket, self._prefix = bucket_and_prefix(url)
        self._access, self._jobs, self._single_writer = access, jobs, single_writer
        self._connecting, self._proving = threading.Lock(), threading.Lock()
        self._connected: S3Client | None = None
        self._proved = single_writer

    @property
    def address(self) -> str:
        """``s3://bucket/prefix/``."""
        return self._place(self._prefix)

    def source_of_keys(self) -> str:
        """Return where the keys come from: ``rclone``, or AWS's word for it, such as ``env``.

        Raises:
            RefusedError: There are none, or they cannot be had.
            UsageError: The chosen profile is wrong.
        """
        with self._told(""):
            from kargo_release.bucket.s3_client import source_of_keys

            return source_of_keys(self._access)

    def location(self, key: str) -> str:
        """Return ``s3://bucket/prefix/key``."""
        return self._place(self._prefix + checked_key(key))

    def head(self, key: str) -> Stored | None:
        """Return the state of the object, or None. A bucket that is missing looks alike.

        Raises:
            RefusedError: Access is denied, or the credentials, the region or the clock is wrong.
            FailedError: S3 cannot be reached or does not work.
        """
        full = self._prefix + checked_key(key)
        with self._told(full) as s3:
            try:
                answer = s3.head_object(Bucket=self._bucket, Key=full)
            except s3.exceptions.ClientError as error:
                if code_of(error) in {"404", "NoSuchKey"}:
                    return None
                raise
        return self._stored(full, answer)

    def get(self, key: str, limit: int) -> tuple[bytes, Stored] | None:
        """Return the bytes, at most ``limit`` of them, and their state, or None.

        Raises:
            InvalidError: The object is larger.
            RefusedError: As ``head``, and when there is no such bucket.
            FailedError: As ``head``.
        """
        from kargo_release.bucket.s3_get import get

        full = self._prefix + checked_key(key)
        with self._told(full) as s3:
            found = get(s3, self._bucket, full, limit)
        if found is None:
            return None
        data, answer = found
        if len(data) > limit:
            raise InvalidError(
                f"{self._place(full)} is larger than {limit} bytes",
                "Find out what it is; remove it if it is junk.",
            )
        return data, self._stored(full, answer)

    def list(self) -> Iterator[Listed]:
        """Yield what lies directly under the prefix: one request for each 1,000 objects.

        Raises:
            RefusedError: As ``get``.
            FailedError: As ``head``, and when what it tells is no complete list.
        """
        from kargo_release.bucket.s3_listing import pages

        with self._told(self._prefix) as s3:
            for page in pages(s3, self._bucket, self._prefix):
                yield from page

    def protection(self) -> Protection:
        """Return what the bucket does with former states of its objects.

        Raises:
            RefusedError: As ``get``.
            FailedError: As ``head``.
        """
        from kargo_release.bucket.s3_protection import protection

        with self._told("") as s3:
            return protection(s3, self._bucket)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Stored:
        """Store ``data`` if the object still bears ``if_match``, or, for None, if there is none.

        With a single writer ``if_match`` is not looked at, and None looks before it writes.

        Raises:
            LostRaceError: The condition did not hold; nothing was written.
            RefusedError: As ``get``, and when the store knows no conditions.
            FailedError: As ``head``.
        """
        if self._single_writer and if_match is None and self.head(key) is not None:
            raise LostRaceError(self.location(key))
        details = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        return self._put(self._prefix + checked_key(key), data, self._condition(if_match) | details)

    def check_writable(self) -> None:
        """Make sure, once, that both conditions are honoured; a single writer needs none.

        Raises:
            RefusedError: They are not; or as ``put``.
            FailedError: As ``head``.
        """
        with self._proving:
            if not self._proved:
                self._prove()
                self._proved = True

    def _prove(self) -> None:
        from kargo_release.bucket.s3_trial import prove

        with self._told(self._prefix) as s3:
            conditions = prove(s3, self._bucket, self._prefix)
        if conditions != "honoured":
            raise unconditional(self.address, conditions)

    def trial(self) -> Trial:
        """Return how the bucket takes conditional writes; what that makes is removed again.

        Raises:
            RefusedError: As ``get``.
            FailedError: As ``head``.
        """
        from kargo_release.bucket.s3_trial import try_writing

        with self._told(self._prefix) as s3:
            return try_writing(s3, self._bucket, self._prefix)

    def _condition(self, if_match: str | None) -> dict[str, Any]:
        if self._single_writer:
            return {}
        return {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}

    def _put(self, full: str, data: bytes, options: Mapping[str, Any]) -> Stored:
        from kargo_release.bucket.s3_put import put

        with self._told(full) as s3:
            is_written, answer = put(s3, self._bucket, full, data, options)
        if not is_written:
            raise LostRaceError(self._place(full))
        return self._stored(full, answer)

    def _stored(self, full: str, answer: Mapping[str, Any]) -> Stored:
        return Stored(etag_of(answer, self._place(full)), answer.get("Metadata", {}))

    @contextmanager
    def _told(self, full: str) -> "Iterator[S3Client]":
        client = self._client()
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        try:
            yield client
        except (ResponseParserError, ValueError):  # the latter for a size or date that is none
            raise not_s3(self._place(full)) from None
        except (BotoCoreError, ClientError) as error:
            raise explained(error, self._place(full), self._access.names) from error
        except HTTPError as error:  # botocore lets out what breaks off the body of an error
            raise broken_off(error, self._place(full)) from error

    def _client(self) -> "S3Client":
        with self._connecting:
            if self._connected is None:
                from kargo_release.bucket.s3_client import connect

                self._connected = connect(self._access, self._bucket, self._jobs)
            return self._connected

    def _place(self, full: str) -> str:
        return f"s3://{self._bucket}/{full}"
