"""What all tests share: an environment that tells nothing, and the real parts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox import Sandbox
from servers import DockerRegistry, docker_registry
from servers_s3 import ACCESS_KEY, SECRET_KEY, moto

_SILENCED = (
    "KARGO_RELEASE_",
    "AWS_",
    "HELM_",
    "DOCKER_",
    "GIT_",
    "GITHUB_",
    "XDG_",
    "INVOKE_",
    "RCLONE_",
)
_ALSO_SILENCED = (
    "CI",
    "SOURCE_DATE_EPOCH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


@pytest.fixture(autouse=True)
def _tell_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each test a home of its own, and an environment without anybody's settings."""
    for name in list(os.environ):
        if name.startswith(_SILENCED) or name in _ALSO_SILENCED:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Run one registry for all tests; each uses a path of its own."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Run one S3 server for all tests; each uses a bucket of its own."""
    with moto() as endpoint:
        yield endpoint


@pytest.fixture
def local(tmp_path: Path) -> Sandbox:
    """Return a repository with a chart whose releases stay on this machine."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write_chart("kano")
    sandbox.commit("Add kano")
    return sandbox


@pytest.fixture
def platform(tmp_path: Path, docker_host: DockerRegistry, s3_endpoint: str) -> Sandbox:
    """Return a clone of a Git remote with a chart, a real registry and a real bucket."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.add_remote(tmp_path / "remote.git")
    sandbox.use_registry(docker_host.host)
    sandbox.use_bucket(s3_endpoint)
    sandbox.write_chart("kano")
    sandbox.commit("Add kano")
    sandbox.push()
    return sandbox
