"""A server that shows the faults no real registry shows on demand, and passes on the rest."""

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from servers import serving


@dataclass
class Fault:
    """What is answered instead, to requests whose method and path fit.

    ``times`` None is for ever; ``missing`` bytes of the body do not come; ``silent`` is no answer
    until the test ends; ``cut`` is a connection closed without an answer.
    """

    method: str
    path: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    times: int | None = None
    missing: int = 0
    endless: bool = False
    silent: bool = False
    cut: bool = False

    def takes(self, method: str, path: str) -> bool:
        if self.times == 0 or method != self.method or self.path not in path:
            return False
        self.times = None if self.times is None else self.times - 1
        return True


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    authorization: str
    length: int
    status: int


class FaultyServer:
    """The faults to show, and the requests that came; ``upstream`` is the real registry."""

    def __init__(self, upstream: str | None) -> None:
        self.upstream = upstream
        self.host = ""
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.connections = 0
        self.ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"oci://{self.host}/team/helm"

    def methods(self) -> list[str]:
        return [each.method for each in self.seen]

    def fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self.faults if fault.takes(method, path)), None)


@contextmanager
def faulty_server(
    upstream: str | None = None, *, tls: tuple[Path, Path] | None = None
) -> Iterator[FaultyServer]:
    """Serve the faults on loopback; what has none goes to ``upstream``, or is answered 404."""
    server = FaultyServer(upstream)
    handler = type("Handler", (_Handler,), {"faulty": server})
    with serving(handler, tls=tls) as host:
        server.host = host
        try:
            yield server
        finally:
            server.ended.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    faulty: FaultyServer

    def setup(self) -> None:
        super().setup()
        self.faulty.connections += 1

    def _serve(self) -> None:
        self._length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(self._length)
        if fault := self.faulty.fault(self.command, self.path):
            self._show(fault)
        else:
            self._pass_on(body)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names
    do_DELETE = _serve  # noqa: N815 - http.server's name

    def _saw(self, status: int) -> None:
        authorization = self.headers.get("Authorization", "")
        seen = Seen(self.command, self.path, authorization, self._length, status)
        self.faulty.seen.append(seen)

    def _show(self, fault: Fault) -> None:
        if fault.silent:
            self.faulty.ended.wait()
        if fault.silent or fault.cut:
            self._saw(0)
            self.close_connection = True
        else:
            self._answer(fault)

    def _answer(self, answer: Fault) -> None:
        self._saw(answer.status)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(1 << 40 if answer.endless else len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body[: len(answer.body) - answer.missing])
        self.close_connection = bool(answer.missing or answer.endless)
        if answer.endless:
            self._flood()

    def _flood(self) -> None:
        with contextlib.suppress(OSError):
            while not self.faulty.ended.is_set():
                self.wfile.write(b" " * 65536)

    def _pass_on(self, body: bytes) -> None:
        if self.faulty.upstream is None:
            unknown = b'{"errors":[{"code":"NAME_UNKNOWN"}]}'
            self._answer(Fault(self.command, self.path, 404, body=unknown))
            return
        connection = http.client.HTTPConnection(self.faulty.upstream)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        own = {"Content-Length", "Date", "Connection", "Server"}
        passed = {name: value for name, value in answer.getheaders() if name not in own}
        self._answer(Fault(self.command, self.path, answer.status, passed, answer.read()))
        connection.close()

    def log_message(self, *_: object) -> None:
        pass
