"""The faults that servers and networks show, each as a step between a client and a real server."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from forwarding import Answer, Broken, End, Forward, Request

Fault = Callable[[Request, Forward], Answer | Broken]
"""What a client gets in place of the server's answer."""

UNKNOWN_HOST = "faulty.invalid"  # RFC 6761: no name below .invalid exists
_HTML = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n"
_FLOOD = 64 << 20  # bytes, more than any answer but an archive may have


def page(status: int, *headers: tuple[str, str]) -> Fault:
    """Answer with a page for people, as a proxy does; the request does not reach the server."""
    words = HTTPStatus(status).phrase.encode()
    return told(status, _HTML % (words, words), ("Content-Type", "text/html"), *headers)


def told(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Fault:
    """Answer in place of the server, which the request does not reach."""

    def fault(request: Request, _: Forward) -> Answer:
        shown = b"" if request.method == "HEAD" else body
        return Answer(status, (("Content-Length", str(len(body))), *headers), shown)

    return fault


def busy_for(seconds: int) -> Fault:
    """Answer 429 with the seconds to wait."""
    return page(429, ("Retry-After", str(seconds)))


def busy_until(seconds: int) -> Fault:
    """Answer 429 with the moment to come back at."""

    def fault(request: Request, forward: Forward) -> Answer | Broken:
        then = datetime.now(UTC) + timedelta(seconds=seconds)
        return page(429, ("Retry-After", format_datetime(then, usegmt=True)))(request, forward)

    return fault


def unheard(end: End) -> Fault:
    """End the connection before the request reaches the server."""
    return lambda _, __: Broken(b"", end)


def cut(end: End) -> Fault:
    """Let the server do it, and end the connection in the middle of its answer."""

    def fault(request: Request, forward: Forward) -> Broken:
        head, body = _wire(forward())
        kept = body if request.method != "HEAD" else b""
        return Broken(head + kept[: len(kept) // 2] if kept else head[: len(head) // 2], end)

    return fault


def surplus(request: Request, forward: Forward) -> Broken:
    """Let the server do it, and send more bytes than the answer says that it has."""
    head, body = _wire(forward())
    return Broken(head + (b"" if request.method == "HEAD" else body) + b"surplus" * 99, End.CLOSED)


def flood(request: Request, forward: Forward) -> Answer:
    """Let the server do it, and answer with more than anybody wants to read."""
    answer = forward()
    if request.method == "HEAD" or not answer.body:
        return answer
    return _with_body(answer, answer.body + b" " * _FLOOD)


def altered(request: Request, forward: Forward) -> Answer:
    """Let the server do it, and change a byte in the middle of what it answers."""
    answer = forward()
    middle = len(answer.body) // 2
    changed = bytes([answer.body[middle] ^ 1]) if answer.body else b""
    return replace(answer, body=answer.body[:middle] + changed + answer.body[middle + 1 :])


def other_digest(request: Request, forward: Forward) -> Answer:
    """Let the registry do it, and tell the digest of something else."""
    answer = forward()
    name = "Docker-Content-Digest"
    kept = tuple((key, value) for key, value in answer.headers if key != name)
    return replace(answer, headers=(*kept, (name, f"sha256:{'0' * 64}")))


def html(request: Request, forward: Forward) -> Answer:
    """Answer 200 with a page for people: the portal that wants a login first."""
    body = b"" if request.method == "HEAD" else _HTML % (b"Welcome", b"Log in")
    return Answer(200, (("Content-Type", "text/html"), ("Content-Length", str(len(body)))), body)


@contextmanager
def refusing() -> Iterator[str]:
    """Yield the ``host:port`` of a port that is taken, but takes no connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def hanging() -> Iterator[str]:
    """Yield the ``host:port`` of a port that leaves whoever connects without an answer."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        # Linux drops what comes when the queue is full, as a firewall does.
        for _ in range(3):
            caller = sockets.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def unknown() -> Iterator[str]:
    """Yield a host that does not exist."""
    yield UNKNOWN_HOST


def _with_body(answer: Answer, body: bytes) -> Answer:
    kept = tuple(each for each in answer.headers if each[0].lower() != "content-length")
    return Answer(answer.status, (*kept, ("Content-Length", str(len(body)))), body)


def _wire(answer: Answer) -> tuple[bytes, bytes]:
    """Return the head and the body of an answer as they go over the wire."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1"), answer.body
