"""What all tests share: an environment that tells nothing, and the real parts."""

import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from confidential import betrayed, check, checked_communicate
from docker_engine import DockerEngine, buildx_plugin, import_bases, import_debian
from docker_engine import docker_engine as running_engine
from sandbox import Sandbox
from servers import DockerRegistry, docker_registry
from servers_s3 import moto
from surroundings import given, silenced

from kargo_release.errors import KargoError

# A shell starts what runs in the background with SIGINT ignored, and so would be what we start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-faults", action="store_true", help="write the tables of docs/faults.md anew"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that passed, but printed or logged a secret."""
    report = yield
    for name, text in report.sections:
        if report.passed and betrayed(text):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {name} holds a secret"
    return report


@pytest.fixture(autouse=True)
def _keep_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for secrets in every error, and in what every process of ours prints."""

    def init(self: KargoError, message: str, remedy: str = "") -> None:
        begin(self, message, remedy)
        check(f"{self.message} {self.remedy}", "an error")

    begin = KargoError.__init__
    monkeypatch.setattr(KargoError, "__init__", init)
    communicate = checked_communicate(subprocess.Popen.communicate)
    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)


@pytest.fixture(autouse=True)
def _tell_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each test a home of its own, and an environment without anybody's settings."""
    for name in silenced(os.environ):
        monkeypatch.delenv(name)
    for name, value in given(tmp_path_factory.mktemp("home")).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Run one registry for all tests; each uses a path of its own."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """Run one engine for all tests, with the bases; each names its images by itself."""
    with running_engine(tmp_path_factory.mktemp("docker")) as engine:
        import_bases(engine)
        yield engine


@pytest.fixture(scope="session")
def newer_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """Run one engine that keeps images as containerd does, with Debian."""
    with running_engine(tmp_path_factory.mktemp("newer"), is_newer=True) as engine:
        import_debian(engine)
        yield engine


@pytest.fixture(scope="session")
def buildx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of Docker's configuration with the plugin buildx."""
    return buildx_plugin(tmp_path_factory.mktemp("buildx") / "docker")


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
