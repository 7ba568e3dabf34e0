"""Starts and stops the real registry, and the servers that it needs."""

import base64
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from parts import need

SERVICE = "kargo-test-registry"
ISSUER = "kargo-test-issuer"
_SIGNS = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=False, content_commitment=False,
    key_encipherment=True, data_encipherment=False, key_agreement=False,
    encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True)
class DockerRegistry:
    """A running registry; ``url`` is for `Registry`, with a path below the host."""

    host: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"oci://{self.host}/team/helm"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Return as soon as ``port`` takes connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"{process.args!r} does not listen")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def docker_registry(
    folder: Path,
    *,
    htpasswd: Mapping[str, str] | None = None,
    tokens: "TokenServer | None" = None,
    port: int | None = None,
    tls: tuple[Path, Path] | None = None,
    storage: Mapping[str, object] | None = None,
) -> Iterator[DockerRegistry]:
    """Run Docker's registry on loopback, anonymous unless it gets users or a token server.

    ``tls`` is a certificate and its key, ``storage`` another driver than the file system.
    """
    program = need("docker-registry")
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.yml"
    # JSON is YAML, too.
    document = _config(folder, port, htpasswd, tokens)
    if tls:
        names = ("certificate", "key")
        document["http"]["tls"] = {name: str(file) for name, file in zip(names, tls, strict=True)}
    if storage:
        document["storage"] = storage
    config.write_text(json.dumps(document))
    with (folder / "registry.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "serve", str(config)], stdout=log, stderr=log, cwd=folder
        )
    try:
        wait_for(port, process)
        yield DockerRegistry(f"{'localhost' if tls else '127.0.0.1'}:{port}", process)
    finally:
        stop(process)


def _config(
    folder: Path, port: int, users: Mapping[str, str] | None, tokens: "TokenServer | None"
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if users:
        config["auth"] = {"htpasswd": {"realm": "kargo", "path": str(_htpasswd(folder, users))}}
    if tokens:
        config["auth"] = {
            "token": {
                "realm": tokens.url,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(tokens.certificate),
            }
        }
    return config


def _htpasswd(folder: Path, users: Mapping[str, str]) -> Path:
    program = need("htpasswd")
    lines = [
        subprocess.run(
            [program, "-niB", "-C", "4", user], input=password.encode(), capture_output=True,
            check=True,
        ).stdout.strip()
        for user, password in users.items()
    ]  # fmt: skip
    path = folder / "htpasswd"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@dataclass
class TokenServer:
    """A token server as Docker's registry expects one; it keeps what it was asked.

    ``anonymous`` are the actions that it grants without a login, ``allowed`` those to all users.
    ``told`` is what it says of the life of a token instead of ``expires_in``.
    """

    certificate: Path
    key: rsa.RSAPrivateKey
    users: Mapping[str, str]
    anonymous: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset({"pull", "push"})
    expires_in: int = 300
    told: Mapping[str, object] | None = None
    refresh_token: str = ""
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, wanted: Mapping[str, str], authorization: str) -> dict[str, object] | None:
        user = self._user(wanted, authorization)
        self.asked.append({**wanted, "user": user})
        if not user and (authorization or "refresh_token" in wanted):
            return None
        kind, _, rest = wanted["scope"].partition(":")
        name, _, actions = rest.rpartition(":")
        may = self.allowed if user else self.anonymous
        granted = [each for each in actions.split(",") if each in may]
        access = [{"type": kind, "name": name, "actions": granted}]
        told = {"expires_in": self.expires_in} if self.told is None else self.told
        return {"token": self._signed(user, access), **told}

    def _user(self, wanted: Mapping[str, str], authorization: str) -> str:
        if self.refresh_token and wanted.get("refresh_token") == self.refresh_token:
            return "refreshed"
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        user, _, password = pair.partition(":")
        return user if user and self.users.get(user) == password else ""

    def _signed(self, user: str, access: Sequence[Mapping[str, object]]) -> str:
        now = datetime.now(UTC)
        der = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(
            serialization.Encoding.DER
        )
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": ISSUER, "sub": user, "aud": SERVICE, "jti": str(len(self.asked)),
            "iat": int(now.timestamp()), "nbf": int(now.timestamp()) - 10,
            "exp": int(now.timestamp()) + self.expires_in, "access": access,
        }  # fmt: skip
        signed = f"{_segment(header)}.{_segment(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"


@contextmanager
def token_server(
    folder: Path, users: Mapping[str, str], *, anonymous: frozenset[str] = frozenset()
) -> Iterator[TokenServer]:
    """Run a token server on loopback for `docker_registry`."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = self_signed(folder)
    server = TokenServer(certificate, key, users, anonymous)
    with serving(_token_handler(server)) as host:
        server.url = f"http://{host}/token"
        yield server


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], *, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Serve HTTP, or HTTPS by a certificate and its key, in threads; yield ``host:port``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'localhost' if tls else '127.0.0.1'}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certified(folder: Path, *hosts: str) -> tuple[Path, Path]:
    """Write a self-signed certificate of these hosts, and its key; return both files."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = self_signed(folder, *hosts)
    path = folder / "key.pem"
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, no_password))
    return certificate, path


def self_signed(folder: Path, *hosts: str) -> tuple[Path, rsa.RSAPrivateKey]:
    """Write a self-signed certificate of these hosts, or localhost; return its file and key."""
    names = [x509.DNSName(host) for host in hosts or ("localhost",)]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        # Python 3.13 asks for both of an authority (ssl.VERIFY_X509_STRICT).
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path, key


def _token_handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, query: str) -> None:
            wanted = {name: values[0] for name, values in parse_qs(query).items()}
            document = server.answer(wanted, self.headers.get("Authorization", ""))
            body = json.dumps(document or {"details": "incorrect username or password"}).encode()
            self.send_response(200 if document else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            pass

    return Handler


def _segment(document: Mapping[str, object]) -> str:
    return _base64url(json.dumps(document).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
