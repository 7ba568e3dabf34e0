from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from servers import DockerRegistry, docker_registry

from kargo_release.oci.artifact import Artifact, Blob
from kargo_release.oci.registry import Registry
from kargo_release.oci.retry import TimeLimits

from .faulty import FaultyServer, faulty_server

# Real parts may take their time on a busy machine; what tests wait for is set there.
QUICK = TimeLimits(connect=5, read=10, answer=20, backoff=0.01, broken=0.05, busy=0.2)

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

OpenRegistry = Callable[..., Registry]


def artifact(content: bytes = b"content") -> Artifact:
    config = Blob(CONFIG, b'{"name":"kano","version":"1.4.0","apiVersion":"v2"}')
    return Artifact(config, (Blob(CONTENT, content),), {"org.opencontainers.image.title": "kano"})


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A path of its own for each test, in the registry that they share."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")[:100]


@pytest.fixture
def open_registry(tmp_path: Path) -> OpenRegistry:
    def open_it(url: str, environ: Mapping[str, str] | None = None) -> Registry:
        at_home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **(environ or {})}
        return Registry(url, plain_http=None, environ=at_home, limits=QUICK)

    return open_it


@pytest.fixture
def registry(docker: DockerRegistry, prefix: str, open_registry: OpenRegistry) -> Registry:
    return open_registry(f"oci://{docker.host}/{prefix}")


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with faulty_server() as server:
        yield server


@pytest.fixture
def before(docker: DockerRegistry) -> Iterator[FaultyServer]:
    """A faulty proxy before the real registry."""
    with faulty_server(docker.host) as server:
        yield server
