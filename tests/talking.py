"""A server of raw bytes, for what no server of HTTP would say."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Talk = Callable[[socket.socket, threading.Event], None]
"""What is said on a connection; the event is set when the test ends."""


def drip(start: bytes, piece: bytes) -> Talk:
    """Answer with bytes that come one after the other for ever, each well within its time."""

    def talk(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not ended.wait(0.02):
            connection.sendall(piece)

    return talk


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """Serve raw bytes: ``talk`` is called in a thread for each connection."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        thread = threading.Thread(target=_accept, args=(server, talk, ended), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join()


def _accept(server: socket.socket, talk: Talk, ended: threading.Event) -> None:
    talks: list[tuple[socket.socket, threading.Thread]] = []
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            connection, _ = server.accept()
            thread = threading.Thread(target=_talk, args=(connection, talk, ended))
            thread.start()
            talks.append((connection, thread))
    for connection, thread in talks:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def _talk(connection: socket.socket, talk: Talk, ended: threading.Event) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(10)
        talk(connection, ended)
