"""The way to a registry through a proxy."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from connect_proxy import connect_proxy
from servers import DockerRegistry, certified, docker_registry, free_port

from kargo_release.errors import FailedError, KargoError, UsageError
from kargo_release.oci.registry import Registry

from .conftest import QUICK, OpenRegistry, artifact
from .faulty import Fault, FaultyServer

HOST = "registry.example.com"
LOGIN = "ada:s3cret@/word"
IN_URL = "ada:s3cret%40%2Fword"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certified(tmp_path_factory.mktemp("certificate"), HOST)


@pytest.fixture(scope="module")
def secure(
    certificates: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("secure"), tls=certificates) as registry:
        yield registry


def opened(environ: Mapping[str, str], certificates: tuple[Path, Path]) -> Registry:
    environ = {**environ, "REQUESTS_CA_BUNDLE": str(certificates[0])}
    return Registry(f"oci://{HOST}/team", plain_http=None, environ=environ, limits=QUICK)


def refused(registry: Registry, kind: type[KargoError] = FailedError) -> KargoError:
    with pytest.raises(kind) as raised:
        registry.tags("kano")
    assert type(raised.value) is kind
    assert "s3cret" not in str(raised.value)
    return raised.value


def test_pushes_through_a_proxy_that_wants_a_login(
    secure: DockerRegistry, certificates: tuple[Path, Path]
) -> None:
    with connect_proxy(secure.host, login=LOGIN) as proxy:
        registry = opened({"HTTPS_PROXY": f"http://{IN_URL}@{proxy.host}"}, certificates)
        digest = registry.push("kano", "1.4.0", artifact(), replace=False)
        assert digest == artifact().manifest.digest
        assert set(proxy.tunnels) == {f"{HOST}:443"}


@pytest.mark.parametrize("login", ["", "ada:s3cret-wrong@"])
def test_tells_a_proxy_that_does_not_know_us(
    secure: DockerRegistry, certificates: tuple[Path, Path], login: str
) -> None:
    with connect_proxy(secure.host, login=LOGIN) as proxy:
        environ = {"HTTPS_PROXY": f"http://{login}{proxy.host}"}
        error = refused(opened(environ, certificates))
        assert error.message == (
            f"the proxy leads nobody to registry {HOST}: "
            "it answered 407 Proxy Authentication Required"
        )
        assert error.remedy == "Correct the user and the password in HTTPS_PROXY."
        assert proxy.tunnels == []


def test_tells_a_proxy_that_forbids_the_registry(
    secure: DockerRegistry, certificates: tuple[Path, Path]
) -> None:
    with connect_proxy(secure.host, forbidden=HOST) as proxy:
        error = refused(opened({"https_proxy": proxy.host}, certificates))
    assert error.message.endswith("it answered 403 Forbidden")
    assert error.remedy == "Have the proxy allow it, or name the registry in NO_PROXY."


def test_tells_a_proxy_that_is_not_there(certificates: tuple[Path, Path]) -> None:
    environ = {"HTTPS_PROXY": f"http://{IN_URL}@127.0.0.1:{free_port()}"}
    error = refused(opened(environ, certificates))
    assert error.message == f"the proxy for registry {HOST} refused the connection"


@pytest.mark.parametrize(
    "proxy",
    ["socks5://ada:s3cret@127.0.0.1:1080", "http://ada:s3cret@[", "http://ada:s3cret@host:x", "//"],
)
def test_names_the_variable_that_holds_no_proxy(
    certificates: tuple[Path, Path], proxy: str
) -> None:
    error = refused(opened({"https_proxy": proxy}, certificates), UsageError)
    assert error.message == "what https_proxy holds is not the address of a proxy"
    assert error.remedy.startswith("Write it as http://HOST:PORT; user and password")


def test_tells_a_proxy_of_plain_http_that_does_not_know_us(faulty: FaultyServer) -> None:
    faulty.faults = [Fault("GET", "/", 407)]
    environ = {"HTTP_PROXY": f"http://ada:s3cret@{faulty.host}"}
    registry = Registry(f"oci://{HOST}/team", plain_http=True, environ=environ, limits=QUICK)
    error = refused(registry)
    assert "answered 407 Proxy Authentication Required" in error.message
    assert error.remedy == "Correct the user and the password in HTTP_PROXY."


@pytest.mark.parametrize(
    ("host", "exempt"),
    [
        ("registry.invalid", "registry.invalid"),
        ("registry.invalid", "other.invalid, .invalid"),
        ("registry.invalid:8443", "registry.invalid:8443"),
        ("registry.invalid", "*"),
    ],
)
def test_goes_directly_to_what_is_exempt(
    open_registry: OpenRegistry, host: str, exempt: str
) -> None:
    environ = {"HTTPS_PROXY": f"127.0.0.1:{free_port()}", "NO_PROXY": exempt}
    error = refused(open_registry(f"oci://{host}/x", environ))
    assert error.message == f"the name of registry {host} cannot be resolved"


@pytest.mark.parametrize(
    ("exempt", "is_exempt"), [("203.0.113.0/24", True), ("198.51.100.0/24,x/y", False)]
)
def test_goes_directly_to_networks_that_are_exempt(exempt: str, is_exempt: bool) -> None:
    environ = {"HTTPS_PROXY": f"127.0.0.1:{free_port()}", "no_proxy": exempt}
    limits = QUICK.__class__(connect=0.1, read=0.1, backoff=0.01, broken=0)
    registry = Registry("oci://203.0.113.7/x", plain_http=None, environ=environ, limits=limits)
    assert ("proxy" in refused(registry).message) is not is_exempt


def test_speaks_to_this_machine_without_the_proxy(
    faulty: FaultyServer, open_registry: OpenRegistry
) -> None:
    environ = {"HTTP_PROXY": f"http://127.0.0.1:{free_port()}"}
    assert open_registry(faulty.url, environ).tags("kano") == []


def test_goes_through_the_proxy(faulty: FaultyServer) -> None:
    environ = {"http_proxy": f"http://user:pass%20word@{faulty.host}"}
    registry = Registry(
        "oci://registry.invalid/team", plain_http=True, environ=environ, limits=QUICK
    )
    assert registry.tags("kano") == []
    assert [each.path for each in faulty.seen] == [
        "http://registry.invalid:80/v2/team/kano/tags/list"
    ]
