"""A Git remote over smart HTTP: the real ``git http-backend`` behind a server of ours."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from servers import serving


@contextmanager
def git_server(folder: Path, *, user: str = "", password: str = "") -> Iterator[str]:
    """Serve the bare repositories in ``folder`` on loopback; yield ``host:port``.

    With a user, whoever reads or writes must log in.
    """
    login = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""
    with serving(type("Handler", (_Handler,), {"folder": folder, "login": login})) as host:
        yield host


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
    login: str

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.login and self.headers.get("Authorization") != self.login:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
            return
        head, _, content = self._ran(body).partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        headers = dict(lines)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._answer(status, list(headers.items()), content)

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names

    def _ran(self, body: bytes) -> bytes:
        """Return what git-http-backend(1) answers, by CGI (RFC 3875)."""
        path, _, query = self.path.partition("?")
        told = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "releaser",  # without one it takes no pushes
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        ours = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["git", "http-backend"],
            input=body,
            env={**ours, **told},
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
