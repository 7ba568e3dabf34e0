"""Keeps botocore from reading an answer that has no end.

It reads every answer whole into memory, except the body of an object. Sources: botocore's
``httpsession.URLLib3Session.send`` and ``endpoint.convert_to_response_dict``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilenceError

from kargo_release.bucket.s3_errors import not_s3

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.httpsession import URLLib3Session

# A list of 1,000 objects with the longest keys, each character written as %XX, has 4 MB.
LARGEST_ANSWER = 16 << 20  # bytes
_FIRST_ERROR = 300


class BoundedSession:
    """Sends as botocore's own session does; answers that are read whole have an end."""

    def __init__(self, session: "URLLib3Session") -> None:
        self._session = session

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(self, request: "AWSPreparedRequest") -> "AWSResponse":
        """Return the answer; it is read, unless it is the body of an object.

        Raises:
            FailedError: It is larger than any of S3's.
            HTTPClientError: As botocore's own session; such a request is sent again.
        """
        is_object = request.stream_output
        request.stream_output = True  # otherwise it is read at once
        answer = self._session.send(request)
        if is_object and answer.status_code < _FIRST_ERROR:
            return answer
        answer.raw = _Bounded(answer.raw, urlsplit(request.url).netloc)
        try:
            _ = answer.content
        except SilenceError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except HTTPError as error:
            raise HTTPClientError(error=error, endpoint_url=request.url) from error
        return answer


class _Bounded:
    def __init__(self, raw: Any, host: str) -> None:
        self._raw, self._host = raw, host

    def stream(self) -> Iterator[bytes]:
        size = 0
        for block in self._raw.stream():
            size += len(block)
            if size > LARGEST_ANSWER:
                self._raw.close()
                raise not_s3(self._host, f"the answer has more than {LARGEST_ANSWER >> 20} MiB")
            yield block
