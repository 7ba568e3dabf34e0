"""Keeps botocore from reading an answer that has no end, or does not come to it.

It reads every answer whole into memory, except the body of an object, and limits only each wait
for bytes. Sources: botocore's ``httpsession.URLLib3Session.send`` and
``endpoint.convert_to_response_dict``; ``response.StreamingBody`` and ``awsrequest.AWSResponse`` for
what they ask of a body.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilenceError

from kargo_release.bucket.s3_errors import not_s3
from kargo_release.errors import FailedError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.httpsession import URLLib3Session
    from urllib3 import HTTPResponse

# A list of 1,000 objects with the longest keys, each character written as %XX, has 4 MB.
LARGEST_ANSWER = 16 << 20  # bytes
LONGEST_ANSWER = 600.0  # seconds, from its headers to its end
_FIRST_ERROR = 300
_PIECE = 1 << 18  # bytes


class BoundedSession:
    """Sends as botocore's own session does; answers have an end in time, and most in length."""

    def __init__(self, session: "URLLib3Session") -> None:
        self._session = session

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(self, request: "AWSPreparedRequest") -> "AWSResponse":
        """Return the answer; it is read, unless it is the body of an object.

        Raises:
            FailedError: It is larger than any of S3's, or takes too long; the latter is also
                raised while the body of an object is read.
            HTTPClientError: As botocore's own session; such a request is sent again.
        """
        is_object = request.stream_output
        request.stream_output = True  # otherwise it is read at once
        answer = self._session.send(request)
        answer.raw = _Bounded(answer.raw, urlsplit(request.url).netloc)
        if is_object and answer.status_code < _FIRST_ERROR:
            return answer
        try:
            _ = answer.content
        except SilenceError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except HTTPError as error:
            raise HTTPClientError(error=error, endpoint_url=request.url) from error
        return answer


class _Bounded:
    """The body of an answer, from now until it must have ended."""

    def __init__(self, raw: "HTTPResponse", host: str) -> None:
        self._raw, self._host = raw, host
        self._end = time.monotonic() + LONGEST_ANSWER

    def stream(self) -> Iterator[bytes]:
        """Yield what is read whole."""
        size = 0
        while piece := self._piece(_PIECE):
            size += len(piece)
            if size > LARGEST_ANSWER:
                self.close()
                raise not_s3(self._host, f"the answer has more than {LARGEST_ANSWER >> 20} MiB")
            yield piece

    def read(self, amt: int) -> bytes:
        """Return so many bytes of an object, fewer where it ends."""
        data = bytearray()
        while len(data) < amt and (piece := self._piece(min(amt - len(data), _PIECE))):
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Let go of the connection."""
        self._raw.close()

    def _piece(self, most: int) -> bytes:
        if time.monotonic() > self._end:
            self.close()
            raise FailedError(
                f"{self._host} took over {LONGEST_ANSWER:g} s for an answer",
                "Check the network, then run it again.",
            )
        # Whatever has come: to wait for so many bytes has no end while a few of them come.
        return self._raw.read1(most)
