"""Starts the S3 servers of the tests, on free loopback ports, and stops them by process id."""

import http.client
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from real_rclone import rclone_program

ACCESS_KEY, SECRET_KEY = "releaser", "the-s3cret-of-the-bucket"

_SCRIPTS = Path(sysconfig.get_path("scripts"))
_START_TIMEOUT = 30.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def moto() -> Iterator[str]:
    """Yield the endpoint of a server that honours conditions and checks no signatures."""
    port = free_port()
    command = [str(_SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running([sys.executable, *command], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """Yield the endpoint of a server that ignores conditions and checks signatures.

    Each folder in ``folder`` is a bucket.
    """
    port = free_port()
    command = ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--config", "/dev/null"]
    keys = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with _running([rclone_program(), *command, *keys, str(folder)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(server, port)
            yield
        finally:
            server.kill()


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
    raise AssertionError(f"{server.args!r} does not answer")


@dataclass(frozen=True)
class Request:
    """What a faulty server was asked."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What a faulty server says."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def s3_error(status: int, code: str, message: str = "", more: str = "") -> Answer:
    """Return an answer as S3 gives it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


@dataclass
class FaultyServer:
    """An endpoint and what was asked of it."""

    endpoint: str
    requests: list[Request]


@contextmanager
def faulty(answer: Callable[[Request], Answer]) -> Iterator[FaultyServer]:
    """Yield a server that answers each request as told: for faults that no real server shows."""
    requests: list[Request] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, requests))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield FaultyServer(f"http://127.0.0.1:{server.server_address[1]}", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(
    answer: Callable[[Request], Answer], requests: list[Request]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers.items()))
            requests.append(request)
            told = answer(request)
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_GET = do_PUT = do_HEAD = _serve  # noqa: N815 - the names http.server looks for
        do_CONNECT = _serve  # noqa: N815 - as above

        def log_message(self, *args: object) -> None:
            pass

    return Handler
