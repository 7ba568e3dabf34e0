"""Whose certificates are trusted, with a real registry that speaks TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import DockerRegistry, certified, docker_registry
from talking import talking

from kargo_release.errors import FailedError, KargoError, RefusedError, UsageError
from kargo_release.oci.registry import Registry

from .conftest import QUICK, artifact
from .faulty import FaultyServer

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certified(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture(scope="module")
def secure(
    certificates: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("secure"), tls=certificates) as registry:
        yield registry


@pytest.fixture(autouse=True)
def _name_no_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def opened(url: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Registry:
    for name, value in environ.items():  # OpenSSL reads the process's own environment
        monkeypatch.setenv(name, value)
    return Registry(url, plain_http=False, environ=environ, limits=QUICK)


def refused(registry: Registry, kind: type[KargoError]) -> KargoError:
    with pytest.raises(kind) as raised:
        registry.tags("kano")
    assert type(raised.value) is kind
    return raised.value


@pytest.mark.parametrize("variable", VARIABLES)
def test_pushes_to_a_registry_whose_authority_is_named(
    secure: DockerRegistry,
    certificates: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    environ = {variable: str(certificates[0])}
    registry = opened(f"{secure.url}/{variable.lower()}", environ, monkeypatch)
    digest = registry.push("kano", "1.4.0", artifact(), replace=False)
    assert digest == artifact().manifest.digest


def test_names_the_variables_when_an_authority_is_not_trusted(
    secure: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused(opened(secure.url, {}, monkeypatch), FailedError)
    assert f"the TLS certificate of registry {secure.host} is not trusted" in error.message
    for variable in VARIABLES:
        assert variable in error.remedy


def test_takes_the_bundle_of_requests_before_that_of_curl(
    secure: DockerRegistry,
    certificates: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = certified(tmp_path, "other.example.com")[0]
    ours = str(certificates[0])
    environ = {"REQUESTS_CA_BUNDLE": ours, "CURL_CA_BUNDLE": str(other)}
    assert opened(secure.url, environ, monkeypatch).tags("kano") == []
    environ = {"REQUESTS_CA_BUNDLE": str(other), "CURL_CA_BUNDLE": ours}
    refused(opened(secure.url, environ, monkeypatch), FailedError)


def test_trusts_the_authorities_of_the_system_besides_those_that_are_named(
    secure: DockerRegistry,
    certificates: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = str(certified(tmp_path, "other.example.com")[0])
    environ = {"SSL_CERT_FILE": str(certificates[0]), "REQUESTS_CA_BUNDLE": other}
    assert opened(secure.url, environ, monkeypatch).tags("kano") == []


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_names_the_variable_whose_file_cannot_be_read(
    secure: DockerRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    content: str | None,
) -> None:
    file = tmp_path / "bundle.pem"
    if content:
        file.write_text(content)
    registry = opened(secure.url, {variable: str(file)}, monkeypatch)
    error = refused(registry, UsageError)
    assert error.message == f"the authorities that {variable} names cannot be read: {file}"
    assert error.remedy == "Correct the path."


def test_tells_a_certificate_of_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = certified(tmp_path, "other.example.com")
    with docker_registry(tmp_path / "registry", tls=certificates) as other:
        environ = {"REQUESTS_CA_BUNDLE": str(certificates[0])}
        error = refused(opened(other.url, environ, monkeypatch), FailedError)
    assert "is not trusted: Hostname mismatch" in error.message
    assert error.remedy.startswith("Write the host into registry as the certificate names it")


def test_tells_a_registry_that_speaks_plain_http(
    faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused(opened(faulty.url, {}, monkeypatch), FailedError)
    assert f"registry {faulty.host} does not speak TLS" in error.message
    assert error.remedy == "If it speaks plain HTTP, set plain_http: true."


def test_tells_a_registry_of_this_machine_that_speaks_tls(secure: DockerRegistry) -> None:
    registry = Registry(secure.url, plain_http=None, environ={}, limits=QUICK)
    error = refused(registry, RefusedError)
    assert "Client sent an HTTP request to an HTTPS server" in error.message
    assert error.remedy == "Set `plain_http: false`: this registry speaks TLS."


def test_tells_a_registry_that_wants_another_tls(
    certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates)
    context.verify_mode = ssl.CERT_REQUIRED  # a certificate of ours

    def greet(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    environ = {"REQUESTS_CA_BUNDLE": str(certificates[0])}
    with talking(greet) as host:
        url = f"oci://localhost:{host.partition(':')[2]}/team"
        error = refused(opened(url, environ, monkeypatch), FailedError)
    assert "and this machine do not agree on TLS: " in error.message
    assert error.remedy == "Check what the registry, and what lies before it, demands of TLS."


def test_tries_again_when_the_connection_ends_before_it_is_secure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[bytes] = []

    def end(connection: socket.socket, _: threading.Event) -> None:
        tries.append(connection.recv(65536))

    with talking(end) as host:
        error = refused(opened(f"oci://{host}/team", {}, monkeypatch), FailedError)
    assert error.message == f"registry {host} broke the connection"
    assert len(tries) > 1
