"""A forwarding HTTP proxy before a real server, in which a test may step between the two."""

import contextlib
import http.client
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler

from servers import serving

# About one connection, not about what is carried (RFC 9110, section 7.6.1), or said anew here.
_OWN = frozenset(
    {"connection", "content-length", "date", "expect", "keep-alive", "server", "transfer-encoding"}
)
_BETWEEN_DRIPS = 0.1  # seconds
_SECONDS = 60  # that an upstream may be silent before the proxy hangs up


@dataclass(frozen=True)
class Request:
    """What a client asks, whole."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it is told."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class End(Enum):
    """What becomes of a connection that does not go on."""

    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    DRIPPING = "dripping"  # byte after byte, for as long as somebody listens


@dataclass(frozen=True)
class Broken:
    """Bytes as they go over the wire, which need be no whole answer, and what comes then."""

    data: bytes
    end: End


Forward = Callable[[], Answer]
"""Carries the request to the server and returns its answer."""

Between = Callable[[Request, Forward], Answer | Broken | None]
"""What a test does with a request: the answer that the client gets, None to hang up on it."""


def pass_on(_: Request, forward: Forward) -> Answer:
    """Step between nothing."""
    return forward()


@dataclass
class Proxy:
    """A running proxy: ``host`` is its own ``host:port``, ``upstream`` the server's."""

    upstream: str
    between: Between = pass_on
    host: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    _under_way: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def settle(self) -> None:
        """Wait until no request is under way: a client that is gone may have left some."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._under_way == 0, timeout=2 * _SECONDS)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count a request as under way."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._under_way += change
            self._changed.notify_all()


@contextmanager
def forwarding(upstream: str, between: Between = pass_on) -> Iterator[Proxy]:
    """Forward what comes to a free port of this machine to ``upstream``, a ``host:port``.

    ``between`` is called in a thread of each connection, and may be another one later.
    """
    proxy = Proxy(upstream, between)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as proxy.host:
        try:
            yield proxy
        finally:
            proxy.ended.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def _serve(self) -> None:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._tell(Answer(411, (("Content-Length", "0"),)))  # Length Required, RFC 9110
            return
        with self.proxy.busy():
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            # A request that breaks off is none, for no server would carry it out.
            answer = self._answer(body) if len(body) == length else None
        self._tell(answer)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names
    do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _answer(self, body: bytes) -> Answer | Broken | None:
        request = Request(self.command, self.path, tuple(self.headers.items()), body)
        return self.proxy.between(request, lambda: _forwarded(request, self.proxy.upstream))

    def _tell(self, answer: Answer | Broken | None) -> None:
        if not isinstance(answer, Answer):
            self._break_off(answer or Broken(b"", End.CLOSED))
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody listens any more
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

    def _break_off(self, broken: Broken) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client may have left
            self.wfile.write(broken.data)
            if broken.end is End.SILENT:
                self.proxy.ended.wait()
            while broken.end is End.DRIPPING and not self.proxy.ended.wait(_BETWEEN_DRIPS):
                self.wfile.write(b" ")
            if broken.end is End.RESET:
                _reset(self.connection)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # a client that was killed
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


def _reset(connection: socket.socket) -> None:
    # With nothing to linger for, closing sends RST instead of FIN (socket(7)).
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())  # before the server's own end, which sends FIN first


def _forwarded(request: Request, upstream: str) -> Answer:
    connection = http.client.HTTPConnection(upstream, timeout=_SECONDS)
    with contextlib.closing(connection):
        # The client's own Host goes on: servers sign it and lead back to it.
        headers = dict(_kept(request.headers))
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
    # To HEAD a server tells the length of what it does not send.
    told = answer.getheader("Content-Length") if request.method == "HEAD" else None
    length = ("Content-Length", told or str(len(body)))
    return Answer(answer.status, (*_kept(answer.getheaders()), length), body)


def _kept(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in _OWN)
