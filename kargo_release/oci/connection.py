"""Connections that end: every wait for bytes is limited, and the whole answer too.

urllib3 limits each wait by itself, so that a server that sends one byte now and then is read for
ever; and while it sends a body, it waits no longer than it may take to connect.
"""

import io
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from kargo_release.oci.artifact import Content
from kargo_release.oci.retry import TimeLimits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class OverdueError(TimeoutError):
    """Bytes move, but the answer has not ended, or the body not left, within its time."""


def pool_classes(limits: TimeLimits) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pools of connections under these limits, by scheme, for urllib3's managers."""
    response = type("Response", (_Response,), {"limits": limits})
    own = {"limits": limits, "response_class": response}
    plain, secure = type("Plain", (_Plain,), own), type("Secure", (_Secure,), own)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


def in_time(body: Content, limits: TimeLimits) -> Iterator[bytes]:
    """Yield the pieces of a body as long as they leave fast enough.

    Raises:
        OverdueError: They do not.
    """
    end = time.monotonic() + limits.answer + body.size / limits.slowest
    for piece in body.pieces():
        if time.monotonic() > end:
            raise OverdueError
        yield piece


class _Plain(HTTPConnection):
    limits: TimeLimits

    def send(self, data: Any) -> None:
        """Send one piece; it may take as long as a wait for bytes, not only as a connection."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self.limits.read)
        super().send(data)


class _Secure(_Plain, HTTPSConnection):
    pass


class _Response(HTTPResponse):
    limits: TimeLimits

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_LimitedReader(sock, self.limits))


class _LimitedReader(io.RawIOBase):
    """The bytes that come, from now until the whole answer must have ended."""

    def __init__(self, sock: socket.socket, limits: TimeLimits) -> None:
        self._socket = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._wait = limits.read
        self._end = time.monotonic() + limits.answer

    def readable(self) -> bool:
        """Return True, as `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        """Read what has come, or the next that comes.

        Raises:
            OverdueError: The time for the whole answer is over.
            TimeoutError: Nothing came for too long.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise OverdueError
        self._socket.settimeout(min(left, self._wait))
        try:
            return self._bytes.readinto(buffer)
        except TimeoutError:
            if left < self._wait:
                raise OverdueError from None
            raise

    def close(self) -> None:
        """Let go of the socket, which stays open for the next request."""
        self._bytes.close()
        super().close()
