"""A proxy as companies have one: it asks who comes, and tunnels to what the test says."""

import base64
import contextlib
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from servers import serving

_PIECE = 1 << 16


@dataclass
class ConnectProxy:
    """A running proxy.

    Args:
        upstream: Where all tunnels lead, whatever host they are for.
        login: ``user:password`` that it wants; None for nobody's.
        forbidden: The host that it leads nobody to.
        tunnels: The ``host:port`` of each tunnel that was made.
    """

    upstream: str
    login: str | None = None
    forbidden: str = ""
    host: str = ""
    tunnels: list[str] = field(default_factory=list)

    def refusal(self, target: str, authorization: str) -> int:
        """Return the status for who may not pass, 0 for the others."""
        if self.login and authorization != f"Basic {_base64(self.login)}":
            return 407
        return 403 if self.forbidden and target.startswith(self.forbidden) else 0


@contextmanager
def connect_proxy(
    upstream: str, *, login: str | None = None, forbidden: str = ""
) -> Iterator[ConnectProxy]:
    """Run a proxy on loopback that knows CONNECT only (RFC 9110, section 9.3.6)."""
    proxy = ConnectProxy(upstream, login, forbidden)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as proxy.host:
        yield proxy


class _Handler(BaseHTTPRequestHandler):
    proxy: ConnectProxy

    def do_CONNECT(self) -> None:
        status = self.proxy.refusal(self.path, self.headers.get("Proxy-Authorization", ""))
        self.close_connection = True
        if status:
            self.send_response(status)
            self.end_headers()
            return
        self.proxy.tunnels.append(self.path)
        host, _, port = self.proxy.upstream.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                _carry(self.connection, upstream)

    def log_message(self, *_: object) -> None:
        pass


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    others = {one: other, other: one}
    while True:
        for ready in select.select([one, other], [], [])[0]:
            piece = ready.recv(_PIECE)
            if not piece:
                return
            others[ready].sendall(piece)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
