"""A release from within a company: a proxy with a password, an authority of its own, a robot."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from connect_proxy import ConnectProxy, connect_proxy
from sandbox import Ended, Sandbox
from servers import certified, docker_registry

HOST = "registry.example.com"
ROBOT = "robot$kalisio+releaser"
LOGIN = f"{ROBOT}:s3cret-of-the-robot"
PROXY_LOGIN = "ada:s3cret@of/the proxy"
AUTH = base64.b64encode(LOGIN.encode()).decode()


@pytest.fixture
def company(
    platform: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectProxy]:
    """Docker's registry with TLS and a password, that only a proxy leads to."""
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    certificates = certified(tmp_path / "certificate", HOST)
    name, _, password = LOGIN.partition(":")
    with (
        docker_registry(
            tmp_path / "registry", htpasswd={name: password}, tls=certificates
        ) as registry,
        connect_proxy(registry.host, login=PROXY_LOGIN) as proxy,
    ):
        platform.environ |= {
            "KARGO_RELEASE_REGISTRY": f"oci://{HOST}/kalisio/helm",
            "HTTPS_PROXY": f"http://ada:s3cret%40of%2Fthe%20proxy@{proxy.host}",
            "CURL_CA_BUNDLE": str(certificates[0]),
            "DOCKER_CONFIG": str(tmp_path),
        }
        document = {"auths": {f"{HOST}/kalisio": {"auth": AUTH}}}
        (tmp_path / "config.json").write_text(json.dumps(document))
        yield proxy


def quiet(ended: Ended) -> Ended:
    """Return how it ended, if it told no secret."""
    for secret in ("s3cret", AUTH, base64.b64encode(PROXY_LOGIN.encode()).decode()):
        assert secret not in ended.out + ended.err
    return ended


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_releases_through_a_proxy_as_a_robot(
    platform: Sandbox, company: ConnectProxy, debug: tuple[str, ...]
) -> None:
    ended = quiet(platform.run(*debug, "release-chart", "kano", "--json"))
    assert ended.exit_code == 0, ended.err
    assert ended.states == {"registry": "published", "backup": "published", "tag": "published"}
    assert set(company.tunnels) == {f"{HOST}:443"}
    again = quiet(platform.run("release-chart", "kano", "--json"))
    assert again.states == {"registry": "unchanged", "backup": "unchanged", "tag": "unchanged"}


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        (
            {"HTTPS_PROXY": "http://ada:s3cret-wrong@{proxy}"},
            f"the proxy leads nobody to registry {HOST}: it answered 407",
            "Correct the user and the password in HTTPS_PROXY.",
        ),
        (
            {"CURL_CA_BUNDLE": ""},
            f"the TLS certificate of registry {HOST} is not trusted",
            "Name the file of your authority in REQUESTS_CA_BUNDLE",
        ),
        (
            {"KARGO_RELEASE_REGISTRY_USERNAME": ROBOT, "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret"},
            f"registry {HOST} did not accept the login (401)",
            "Correct KARGO_RELEASE_REGISTRY_USERNAME and KARGO_RELEASE_REGISTRY_PASSWORD; without",
        ),
    ],
    ids=["proxy", "authority", "login"],
)
def test_tells_what_keeps_it_from_the_registry(
    platform: Sandbox, company: ConnectProxy, change: dict[str, str], message: str, remedy: str
) -> None:
    environ = {name: value.replace("{proxy}", company.host) for name, value in change.items()}
    ended = quiet(platform.run("release-chart", "kano", "--json", environ=environ))
    assert ended.exit_code == (3 if "login" in message else 1)
    assert ended.tells(message, remedy)
    assert platform.remote_refs().keys() == {"refs/heads/main"}
