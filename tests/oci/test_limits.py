"""How long a registry is waited for: an answer must end, and what moves is left to move."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from talking import drip, talking

from kargo_release.errors import FailedError
from kargo_release.oci.registry import Registry

from .conftest import QUICK, OpenRegistry, artifact
from .faulty import Fault, FaultyServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
CONTENT = b"0123456789abcdef" * (1 << 20)


def opened(host: str, **limits: float) -> Registry:
    changed = replace(QUICK, **limits)
    return Registry(f"oci://{host}/team", plain_http=None, environ={}, limits=changed)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEAD + b"\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"X-Endless: ", b"x"),
        (b"HTTP/1.1 200 ", b"O"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "chunks", "header", "status", "interim answers"],
)
def test_ends_an_answer_that_comes_byte_by_byte_for_ever(start: bytes, piece: bytes) -> None:
    with talking(drip(start, piece)) as host, pytest.raises(FailedError) as raised:
        opened(host, answer=0.4, read=10).tags("kano")
    assert raised.value.message == f"registry {host} took over 0.4 s for an answer"
    assert raised.value.remedy == "Check the network, then run the command again."


def test_ends_an_answer_that_stops_in_its_middle() -> None:
    def stop(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(HEAD + b"\r\n{")
        ended.wait(10)

    with talking(stop) as host, pytest.raises(FailedError) as raised:
        opened(host, read=0.2).tags("kano")
    message = f"registry {host} stopped answering: nothing came for 0.2 s"
    assert raised.value.message == message


def test_ends_a_connection_that_nobody_takes() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        with contextlib.ExitStack() as queue:  # as many as the system keeps waiting
            for _ in range(3):
                waiting = queue.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(server.getsockname())
            with pytest.raises(FailedError) as raised:
                opened(host, connect=0.2).tags("kano")
    assert raised.value.message == f"registry {host} did not answer within 0.2 s"


def test_ends_a_body_that_leaves_too_slowly() -> None:
    def crawl(connection: socket.socket, ended: threading.Event) -> None:
        request = connection.recv(4096)
        while not request.startswith(b"PUT"):
            connection.sendall(_answer(request))
            request = connection.recv(4096)
        while not ended.wait(0.01):
            connection.recv(4096)

    with talking(crawl) as host, pytest.raises(FailedError) as raised:
        opened(host, read=10, answer=0.3, slowest=1 << 40).push(
            "kano", "1.4.0", artifact(CONTENT), replace=True
        )
    assert raised.value.message == f"registry {host} took over 0.3 s for an answer"


def test_sends_a_body_for_longer_than_a_connection_may_take() -> None:
    """On a slow line, where bytes never stand still."""
    got: list[int] = []

    def read_slowly(connection: socket.socket, _: threading.Event) -> None:
        with connection.makefile("rb") as file:
            while request := file.readline():
                length = _length(file)
                while length > 0:
                    got.append(len(file.read(min(length, 65536))))
                    length -= got[-1]
                    time.sleep(0.005)
                connection.sendall(_answer(request))

    with talking(read_slowly) as host:
        pushed = artifact(CONTENT)
        registry = opened(host, connect=0.2, read=5)
        assert registry.push("kano", "1.4.0", pushed, replace=True) == pushed.manifest.digest
    assert sum(got) > len(CONTENT)


def _length(file: object) -> int:
    length = 0
    for line in iter(file.readline, b"\r\n"):  # type: ignore[attr-defined]  # a file of a socket
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return length


def _answer(request: bytes) -> bytes:
    if request.startswith(b"HEAD"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    digest = artifact(CONTENT).manifest.digest.encode()
    more = b"Location: /upload\r\nDocker-Content-Digest: " + digest
    return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n" + more + b"\r\n\r\n"


def test_tells_a_refusal_that_comes_before_the_body_is_sent() -> None:
    def refuse(connection: socket.socket, _: threading.Event) -> None:
        request = connection.recv(4096)
        while not request.startswith(b"PUT"):
            connection.sendall(_answer(request))
            request = connection.recv(4096)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.settimeout(0.2)
        while connection.recv(65536):  # as nginx lingers
            pass

    with talking(refuse) as host, pytest.raises(FailedError) as raised:
        opened(host).push("kano", "1.4.0", artifact(bytes(4 << 20)), replace=True)
    assert raised.value.message == f"registry {host} answered 413 Too Large to push to team/kano"
    assert "client_max_body_size" in raised.value.remedy


@pytest.mark.parametrize(
    "moment",
    ["1", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)],
    ids=["seconds", "date"],
)
def test_comes_back_when_the_registry_says(
    faulty: FaultyServer, moment: str | Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("kargo_release.oci.retry.time.sleep", waits.append)
    header = {"Retry-After": moment if isinstance(moment, str) else moment()}
    faulty.faults = [Fault("GET", "/", 429, header, times=1)]
    assert opened(faulty.host, busy=5).tags("kano") == []
    assert len(waits) == 1
    assert 0.5 < waits[0] < 3


@pytest.mark.parametrize("after", ["86400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_waits_no_longer_than_its_patience_whatever_it_is_asked(
    faulty: FaultyServer, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("kargo_release.oci.retry.time.sleep", waits.append)
    faulty.faults = [Fault("GET", "/", 429, {"Retry-After": after})]
    with pytest.raises(FailedError, match="keeps answering 429"):
        opened(faulty.host, busy=50, longest_wait=20).tags("kano")
    assert len(waits) == 2
    assert sum(waits) < 50


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_comes_back_after_a_request_that_took_the_registry_too_long(
    before: FaultyServer, open_registry: OpenRegistry, prefix: str, method: str
) -> None:
    before.faults = [Fault(method, "/", 408, times=1)]
    registry = open_registry(f"oci://{before.host}/{prefix}")
    registry.push("kano", "1.4.0", artifact(), replace=False)
    assert registry.tags("kano") == ["1.4.0"]
    assert [each.status for each in before.seen].count(408) == 1
